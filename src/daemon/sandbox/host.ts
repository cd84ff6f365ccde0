// What this host can do of a sandbox, proved by running it: the namespaces, the way out through the proxy, the limits.

import { chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { messageOf } from '../../lib/error-text.ts'
import type { RunUser } from '../../lib/exec.ts'
import { exec } from '../../lib/exec.ts'
import type { HostProbe } from '../harness/port.ts'
import { makeBox, proxyScript } from './bubblewrap.ts'
import type { LimitsChoice } from './limits.ts'
import { chooseLimits } from './limits.ts'
import type { Ability } from './port.ts'
import { innerPort } from './scripts.ts'

export interface SandboxHost {
  /** Runs are started as this user; null: as the daemon's own. */
  readonly user: RunUser | null
  readonly limits: LimitsChoice
  /** Full path; null where there is none. */
  readonly bwrap: string | null
  /** Why no run can be sandboxed here, with the remedy; null: it can. */
  readonly problem: string | null
}

const probeMs = 15_000

/** Looks once, by running: what is found holds until the next start of the daemon. */
export async function openSandboxHost(
  host: Pick<HostProbe, 'which' | 'env'>,
  user: RunUser | null,
  clock: Clock,
): Promise<SandboxHost> {
  const limits = await chooseLimits(clock)
  const bwrap = host.which('bwrap')
  const problem = standing(host, user) ?? (await namespaces(host, user))
  return { user, limits, bwrap, problem }
}

/** For doctor: each ability by itself. */
export async function sandboxAbilities(
  host: Pick<HostProbe, 'which' | 'env'>,
  user: RunUser | null,
  clock: Clock,
): Promise<readonly Ability[]> {
  const stands = standing(host, user)
  const limits = await chooseLimits(clock)
  const held: Ability = { what: 'sandbox limits', problem: limitsProblem(limits), detail: limits.name }
  if (stands !== null) return [{ what: 'sandbox', problem: stands, detail: '' }, held]
  const apart = await namespaces(host, user)
  const box: Ability = { what: 'sandbox', problem: apart, detail: 'bubblewrap makes its namespaces' }
  if (apart !== null) return [box, held]
  const way = await wayOut(host, user)
  return [box, { what: 'sandbox network', problem: way, detail: 'the proxy refuses what is not listed' }, held]
}

/** What can be said without trying. */
function standing(host: Pick<HostProbe, 'which'>, user: RunUser | null): string | null {
  if (process.platform !== 'linux') {
    return `runtime os works on Linux alone in this version; on ${process.platform} use runtime none, or a daemon on Linux`
  }
  if (process.getuid?.() === 0 && (user === null || user.uid === 0)) {
    return 'the daemon runs as root, and a sandbox of root reads what root reads: start it as an ordinary user, or give one with --run-as USER'
  }
  const missing = ['bwrap', 'socat', 'prlimit'].filter((program) => host.which(program) === null)
  if (missing.length === 0) return null
  const packages = { bwrap: 'bubblewrap', socat: 'socat', prlimit: 'util-linux' } as const
  const names = missing.map((each) => packages[each as keyof typeof packages]) // of the three above
  return `${missing.join(', ')} not on PATH: install ${names.join(', ')}`
}

async function namespaces(host: Pick<HostProbe, 'which' | 'env'>, user: RunUser | null): Promise<string | null> {
  const bwrap = host.which('bwrap') ?? 'bwrap'
  const args = [
    '--unshare-all',
    '--unshare-user',
    '--disable-userns',
    '--ro-bind',
    '/',
    '/',
    '--dev',
    '/dev',
    '--proc',
    '/proc',
  ]
  try {
    const ran = await exec(bwrap, [...args, '--', '/bin/sh', '-c', ':'], {
      env: host.env,
      timeoutMs: probeMs,
      user,
      cwd: '/',
    })
    if (ran.code === 0) return await proxyReached(user)
    const said = ran.stderr.trim().split('\n')[0] ?? ''
    return `bubblewrap cannot make its namespaces (${said}): use bubblewrap 0.8 or newer, and allow user namespaces (on Ubuntu an AppArmor profile for bwrap)`
  } catch (error) {
    return `bubblewrap cannot be started: ${messageOf(error)}`
  }
}

/** The run's user starts the proxy, with this Node and from this package. */
async function proxyReached(user: RunUser | null): Promise<string | null> {
  if (user === null) return null
  const args = ['-c', 'test -x "$1" && test -r "$2"', 'sh', process.execPath, proxyScript]
  const { code } = await exec('/bin/sh', args, { env: {}, timeoutMs: probeMs, user, cwd: '/' })
  if (code === 0) return null
  return `the user ${user.name} cannot read ${process.execPath} or ${proxyScript}: install Node and Capstan where every user may read them`
}

function limitsProblem(limits: LimitsChoice): string | null {
  switch (limits.name) {
    case 'cgroup v2':
    case 'cgroup v1':
      return null
    case 'prlimit':
      return 'cpus and memory cannot be held for a whole run: delegate cgroup controllers to the daemon (systemd: Delegate=yes)'
    case 'none':
      return 'no limit can be held: install util-linux for prlimit'
  }
}

/** A whole box, with a request inside that must be refused by the proxy outside. */
async function wayOut(host: Pick<HostProbe, 'which' | 'env'>, user: RunUser | null): Promise<string | null> {
  const folder = mkdtempSync(join(tmpdir(), 'capstan-doctor-'))
  try {
    const places = ['run', 'run/tmp', 'work', 'home', 'data'].map((name) => join(folder, name))
    for (const each of places) mkdirSync(each)
    if (user !== null) for (const each of [folder, ...places]) chownSync(each, user.uid, user.gid)
    const said = await inTrialBox(folder, { host, user })
    return said.includes(' 403 ')
      ? null
      : `a request inside was not answered by the proxy outside: ${said.trim() || 'no answer'}`
  } catch (error) {
    return messageOf(error)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function inTrialBox(
  folder: string,
  { host, user }: { readonly host: Pick<HostProbe, 'which' | 'env'>; readonly user: RunUser | null },
): Promise<string> {
  const runDir = join(folder, 'run')
  const work = join(folder, 'work')
  const box = makeBox(
    {
      use: 'checks',
      settings: { runtime: 'os' },
      host: {
        home: join(folder, 'home'),
        dataDir: join(folder, 'data'),
        capstanHome: join(folder, 'data'),
        secretDir: null,
        repos: [],
      },
      workspace: { ...nowhere, path: work },
      runDir,
      cacheDir: join(folder, 'data'),
      cwd: work,
      program: '/bin/sh',
      env: { PATH: host.env.PATH ?? '/usr/bin:/bin' },
      homePaths: [],
      readable: [],
      rules: [{ host: 'allowed.invalid', wildcard: false, port: null, private: false }],
      user,
      cgroups: [],
      rlimits: { pids: null, dataBytes: null, fileBytes: null },
    },
    host.which('bwrap') ?? 'bwrap',
  )
  // The shell stays as its parent: bwrap that is killed with a doctor, in its first milliseconds, would leave its child waiting for ever.
  const guard = ['-c', '"$@"; exit $?', 'sh']
  const ask = `printf 'CONNECT denied.invalid:443 HTTP/1.1\\r\\n\\r\\n' | socat -t 5 - TCP4:127.0.0.1:${innerPort}`
  const ran = await exec('/bin/sh', [...guard, ...box.before, '/bin/sh', '-c', ask], {
    env: box.env,
    cwd: work,
    timeoutMs: probeMs,
    user,
  })
  return ran.stdout.toString('utf8') + ran.stderr
}

/** A workspace without a repository. */
const nowhere = {
  mode: 'scratch',
  taskId: '',
  attemptId: '',
  n: 1,
  root: null,
  branch: null,
  baseSha: null,
  baseTree: '',
  repoPath: null,
  commonDir: null,
  adminDir: null,
  gitDir: '',
  objectDir: '',
  baseIndex: '',
  carried: [],
  notices: [],
} as const

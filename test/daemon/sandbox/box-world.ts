// A host in a temporary folder for the tests of the sandbox: a home with secrets, a data folder, repositories, and boxes to try things in.

import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { makeHostProbe } from '../../../src/daemon/harness/probe.ts'
import { makeBox } from '../../../src/daemon/sandbox/bubblewrap.ts'
import type { SandboxHost } from '../../../src/daemon/sandbox/host.ts'
import { openSandboxHost } from '../../../src/daemon/sandbox/host.ts'
import type { LimitsChoice } from '../../../src/daemon/sandbox/limits.ts'
import { limitGroups, makeLimits, planLimits, releaseLimits } from '../../../src/daemon/sandbox/limits.ts'
import { limitsReached } from '../../../src/daemon/sandbox/limits-reached.ts'
import type { NetworkRule } from '../../../src/daemon/sandbox/network-rules.ts'
import type { Box, PlacedPath } from '../../../src/daemon/sandbox/port.ts'
import { giveFolders, giveWorkspace } from '../../../src/daemon/workspace/give.ts'
import type { Workspace } from '../../../src/daemon/workspace/port.ts'
import { prepare } from '../../../src/daemon/workspace/prepare.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { processEnv } from '../../../src/lib/env.ts'
import type { ExecResult, RunUser } from '../../../src/lib/exec.ts'
import { exec } from '../../../src/lib/exec.ts'
import type { SandboxSettings } from '../../../src/protocol/sandbox.ts'

/** Nobody of this host: what a test of root drops to. */
const stranger: RunUser = { name: 'stranger', uid: 61_234, gid: 61_234, home: '/nonexistent' }
export const runUser = process.getuid?.() === 0 ? stranger : null

export const sandboxHost: SandboxHost = await openSandboxHost(makeHostProbe(processEnv()), runUser, systemClock)
/** Said aloud: a skipped test of a sandbox proves nothing. */
export const without = sandboxHost.problem
if (without !== null) console.warn(`SKIPPED, the sandbox cannot be had here: ${without}`)

export interface Tried {
  readonly code: number | null
  readonly out: string
  readonly err: string
  /** Limits that it met. */
  readonly met?: readonly string[]
}

export interface Asked {
  readonly settings?: Partial<SandboxSettings>
  readonly rules?: readonly NetworkRule[]
  readonly homePaths?: readonly PlacedPath[]
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
  readonly program?: string
  readonly readable?: readonly string[]
  /** Default: what this host has. */
  readonly limits?: LimitsChoice
}

export class BoxWorld implements AsyncDisposable {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'capstan-box-')))
  readonly home = join(this.root, 'home')
  readonly dataDir = join(this.root, 'data')
  readonly stateDir = join(this.dataDir, 'daemon/one')
  readonly runDir = join(this.stateDir, 'runs/att_one')
  readonly repos: string[] = []
  #count = 0

  constructor() {
    chmodSync(this.root, 0o755)
    for (const folder of [this.home, join(this.runDir, 'tmp'), join(this.stateDir, 'supervisors')])
      mkdirSync(folder, { recursive: true })
  }

  write(path: string, text: string): string {
    const file = path.startsWith('/') ? path : join(this.root, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    return file
  }

  async git(cwd: string, ...args: string[]): Promise<string> {
    const env = { PATH: processEnv().PATH, HOME: this.root, GIT_CONFIG_NOSYSTEM: '1', ...names, ...safe }
    const ran = await exec('git', args, { cwd, env, timeoutMs: 20_000 })
    if (ran.code !== 0) throw new Error(`git ${args.join(' ')}: ${ran.stderr}`)
    return ran.stdout.toString('utf8').trim()
  }

  async repo(name: string, files: Readonly<Record<string, string>> = { 'a.txt': 'one\n' }): Promise<string> {
    const path = join(this.root, 'code', name)
    mkdirSync(path, { recursive: true })
    await this.git(path, 'init', '-q', '-b', 'main')
    for (const [file, text] of Object.entries(files)) this.write(join(path, file), text)
    await this.git(path, 'add', '-A')
    await this.git(path, 'commit', '-q', '-m', 'Start')
    this.repos.push(path)
    return path
  }

  /** A worktree for a sandboxed run; scratch without a repository. */
  async workspace(repoPath: string | null): Promise<Workspace> {
    this.#count += 1
    const id = `${process.pid}${this.#count}`.padStart(26, '0')
    const made = await prepare({
      mode: repoPath === null ? 'scratch' : 'worktree',
      taskId: `task_${id}`,
      attemptId: `att_${id}`,
      n: 1,
      title: 'Try things',
      repo: repoPath === null ? null : { slug: 'acme/app', path: repoPath },
      base: null,
      root: join(this.dataDir, 'worktrees'),
      stateDir: this.stateDir,
      signal: AbortSignal.timeout(20_000),
      isolatedFor: { name: 'Ada', email: 'ada@example.org' },
    })
    for (const folder of [
      '',
      'daemon',
      'daemon/one',
      'daemon/one/runs',
      'daemon/one/workspaces',
      'daemon/one/supervisors',
      'worktrees',
    ])
      chmodSync(join(this.dataDir, folder), 0o711)
    await giveWorkspace(runUser, made)
    return made
  }

  box(workspace: Workspace, asked: Asked = {}): Box {
    const settings: SandboxSettings = { runtime: 'os', ...asked.settings }
    giveFolders(runUser, [this.home, this.runDir])
    const resources = settings.resources ?? {}
    const limits = asked.limits ?? sandboxHost.limits
    const cgroups = settings.resources === undefined ? [] : makeLimits(limits, workspace.attemptId, resources, runUser)
    return makeBox(
      {
        use: 'agent',
        settings,
        host: { home: this.home, dataDir: this.dataDir, capstanHome: this.dataDir, secretDir: null, repos: this.repos },
        workspace,
        runDir: this.runDir,
        cacheDir: join(this.dataDir, 'caches'),
        cwd: workspace.path,
        program: asked.program ?? '/bin/sh',
        env: { PATH: processEnv().PATH ?? '', HOME: this.home, TMPDIR: join(this.runDir, 'tmp'), ...asked.env },
        homePaths: asked.homePaths ?? [],
        readable: asked.readable ?? [],
        rules: asked.rules ?? [],
        user: runUser,
        cgroups,
        rlimits: planLimits(limits, resources).rlimits,
      },
      sandboxHost.bwrap ?? '',
    )
  }

  /** Runs a shell script in a box, from outside, as a run would. */
  async inside(workspace: Workspace, script: string, asked: Asked = {}): Promise<Tried> {
    const box = this.box(workspace, asked)
    const [program, ...args] = [...box.before, '/bin/sh', '-c', script]
    const options = { cwd: workspace.path, env: box.env, user: runUser, timeoutMs: asked.timeoutMs ?? 20_000 }
    const ran: ExecResult = await exec(program, args, options)
    const said = { code: ran.code, out: ran.stdout.toString('utf8').trim(), err: ran.stderr.trim() }
    const resources = asked.settings?.resources
    if (resources === undefined) return said
    const met = limitsReached(limitGroups(sandboxHost.limits, workspace.attemptId), resources)
    await releaseLimits(sandboxHost.limits, workspace.attemptId, systemClock)
    return { ...said, met }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.root, { recursive: true, force: true })
  }
}

const safe = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' }
const names = {
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@localhost',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@localhost',
}

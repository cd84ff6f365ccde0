// The sandbox on Linux: bubblewrap with namespaces of its own for files, processes, network and users. docs/sandbox.md says what that holds.

import { existsSync, lchownSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { codeFile } from '../../lib/package-files.ts'
import { makeStore, storeName } from '../setup/package-stores.ts'
import { giveFolders } from '../workspace/give.ts'
import type { Workspace } from '../workspace/port.ts'
import { leaveOut } from './absent.ts'
import { homeInside, homePlaces } from './homes.ts'
import type { Mount } from './mounts.ts'
import { mountArguments, mountOf } from './mounts.ts'
import { expandHome, hiddenPlaces, matching, objectStores, parentsInside, readablePlaces, realPath } from './places.ts'
import type { Box, BoxRequest, HostPlaces } from './port.ts'
import { gateScript, innerPort, startScript } from './scripts.ts'

/** The proxy's script, a process of its own. */
export const proxyScript = codeFile('daemon/sandbox/proxy-process')

/** Where a use's box lies. The sandbox sees only its `net`. */
export function boxFolder(runDir: string, use: BoxRequest['use']): string {
  return join(runDir, 'box', use)
}

/** What the proxy refused so far, one JSON object a line. */
export function deniedPath(runDir: string, use: BoxRequest['use']): string {
  return join(boxFolder(runDir, use), 'denied')
}

/**
 * Writes the box: bwrap's arguments into a file, because arguments of processes are everybody's to read. Only what exists is mounted, so
 * that nothing is left on the host. Throws `workspace_failed` naming what was asked and cannot be.
 */
export function makeBox(request: BoxRequest, bwrap: string): Box {
  const box = boxFolder(request.runDir, request.use)
  const network = request.rules.length > 0
  mkdirSync(join(box, 'net'), { recursive: true, mode: 0o700 })
  const { mounts, covered, notices } = mountsOf(request, box)
  mustSee(request.cwd, mounts)
  const write = (name: string, text: string) => writeFileSync(join(box, name), text, { mode: 0o600 })
  write('empty', '')
  write('alive', '')
  write('cgroups', request.cgroups.map((folder) => `${folder}\n`).join(''))
  if (network) write('rules.json', JSON.stringify(request.rules))
  else for (const left of ['rules.json', 'net/proxy.sock']) rmSync(join(box, left), { force: true })
  const { path: top, mode } = request.workspace
  write('covered', covered.map((path) => `${path}\0`).join(''))
  write(
    'start',
    startScript({ network, limits: limitsOf(request), top: mode === 'worktree' && covered.length > 0 ? top : null }),
  )
  write('gate', gateScript)
  write(
    'arguments',
    allArguments(request, mountArguments(mounts, join(box, 'empty')))
      .map((each) => `${each}\0`)
      .join(''),
  )
  const { user } = request
  if (user !== null) for (const above of [request.runDir, dirname(box)]) lchownSync(above, user.uid, user.gid)
  giveFolders(user, [box])
  return {
    before: ['/bin/sh', join(box, 'gate'), bwrap, box, process.execPath, proxyScript],
    env: boxEnvironment(request, network),
    notices,
  }
}

function allArguments(request: BoxRequest, mounts: readonly string[]): readonly string[] {
  return [
    '--unshare-all',
    '--unshare-user',
    '--disable-userns', // a namespace inside would give the agent abilities against the kernel
    '--die-with-parent', // the supervisor, which outlives the daemon: nothing of a run is left without it
    // No characters pushed into a terminal of the host. One that is the run's alone has nobody else who reads it, and job control needs it.
    ...(request.terminal === true ? [] : ['--new-session']),
    '--ro-bind',
    '/',
    '/',
    '--dev',
    '/dev',
    '--proc',
    '/proc',
    ...mounts,
    // from the profile, so from the server: such as LD_PRELOAD must not reach what runs outside
    ...Object.entries(request.settings.env ?? {}).flatMap(([name, value]) => ['--setenv', name, value]),
  ]
}

function mountsOf(
  request: BoxRequest,
  box: string,
): { readonly mounts: readonly Mount[]; readonly covered: readonly string[]; readonly notices: readonly string[] } {
  const { workspace, settings, host, runDir } = request
  const visible: Mount[] = [
    ...hiddenPlaces(host),
    ...readablePlaces(request),
    ...homePlaces(request, box),
    ...request.readable.filter((path) => existsSync(path)).map((path) => ({ kind: 'read' as const, path })),
    { kind: 'write', path: workspace.path },
    { kind: 'write', path: join(runDir, 'tmp') },
    ...gitMounts(request),
    ...carriedLinks(workspace),
    ...writePlaces(settings.filesystem?.write ?? [], host),
    ...cachePlaces(request),
    { kind: 'read', path: '/run/capstan/start', source: join(box, 'start') },
    { kind: 'read', path: '/run/capstan/covered', source: join(box, 'covered') },
    { kind: 'read', path: '/run/capstan/alive', source: join(box, 'alive') },
    { kind: 'read', path: '/run/capstan/net', source: join(box, 'net') },
  ]
  const deny = matching(settings.filesystem?.deny ?? [], request)
  const hide = matching(settings.filesystem?.hide ?? [], request)
  const inside = (path: string) => path.startsWith(`${workspace.path}/`)
  const left = leaveOut(
    hide.paths.filter((path) => !inside(path)),
    visible,
  )
  const shown = [...hide.paths.filter(inside), ...left.rest]
  const covered = [...covers('empty', shown, visible), ...covers('deny', deny.paths, visible)]
  const tracked = [...deny.paths, ...hide.paths].filter(inside)
  const pins = tracked
    .flatMap((path) => parentsInside(path, workspace.path))
    .map((path) => ({ kind: 'write' as const, path }))
  const notices = [...deny.notices, ...hide.notices]
  return { mounts: [...visible, ...left.mounts, ...pins, ...covered], covered: tracked, notices }
}

/** What a hidden folder holds is not there already. */
function covers(kind: 'deny' | 'empty', paths: readonly string[], visible: readonly Mount[]): readonly Mount[] {
  return paths
    .filter((path) => mountOf(path, visible)?.kind !== 'hidden')
    .map((path) => ({ kind, path, folder: statSync(path).isDirectory() }))
}

/** A worktree's git folder is the run's own clone, with the repository's objects to read; a shared checkout's cannot be written at all. */
function gitMounts({ workspace }: BoxRequest): readonly Mount[] {
  const { mode, path, commonDir, objectDir, cloneDir } = workspace
  switch (mode) {
    case 'scratch':
      return []
    case 'shared': {
      const folders = [join(path, '.git'), ...(commonDir === null ? [] : [commonDir])]
      return folders
        .map(realPath)
        .filter((each) => each !== null)
        .map((each) => ({ kind: 'read', path: each }))
    }
    case 'worktree': {
      if (cloneDir == null) throw new Error(`${path} has no git folder for a sandbox`)
      const lfs = commonDir === null ? null : realPath(join(commonDir, 'lfs'))
      const stores = [...objectStores(objectDir), ...(lfs === null ? [] : [lfs])]
      return [
        ...stores.map((each) => ({ kind: 'read' as const, path: each })),
        { kind: 'write', path: cloneDir },
        { kind: 'read', path: join(path, '.git'), source: join(dirname(cloneDir), 'gitfile') },
      ]
    }
  }
}

/** Ignored folders of the checkout that the workspace links to, such as installed packages: the checkout itself is hidden. */
function carriedLinks({ carried, path }: Workspace): readonly Mount[] {
  return carried
    .filter(({ cid }) => cid === null)
    .map((each) => realPath(join(path, each.path)))
    .filter((real) => real !== null && !real.startsWith(`${path}/`))
    .map((real) => ({ kind: 'read', path: real ?? '' }))
}

/** Never what holds the host's own things: then they would be there again. */
function writePlaces(asked: readonly string[], host: HostPlaces): readonly Mount[] {
  return asked.map((each) => {
    const path = realPath(expandHome(each, host.home))
    if (path === null) {
      throw new Problem(
        'workspace_failed',
        `the sandbox cannot make ${each} writable: it is not on this host; make it, or drop it.`,
      )
    }
    const own = [host.home, host.dataDir, host.capstanHome].map((folder) => realPath(folder) ?? folder)
    const wrong = own.find(
      (folder) =>
        folder === path || folder.startsWith(`${path}/`) || (path.startsWith(`${folder}/`) && folder !== own[0]),
    )
    if (wrong === undefined && path !== '/') return { kind: 'write', path }
    throw new Problem(
      'workspace_failed',
      `the sandbox cannot make ${each} writable: it holds, or lies in, ${wrong ?? '/'}; name another folder.`,
    )
  })
}

/** Package stores: the repository's own for a setup that may fill them, the run's copies for everything else. */
function cachePlaces({ settings, host, cacheDir, user }: BoxRequest): readonly Mount[] {
  return (settings.caches ?? []).map((each) => {
    const path = expandHome(each, homeInside(host.home))
    const source = makeStore(cacheDir, storeName(each), user)
    return { kind: 'write', path: realPath(path) ?? path, source }
  })
}

function mustSee(cwd: string, mounts: readonly Mount[]): void {
  const mount = mountOf(cwd, mounts)
  if (mount?.kind === 'write') return
  throw new Problem(
    'workspace_failed',
    `the working folder ${cwd} would not be there in the sandbox; allow it, or work elsewhere.`,
  )
}

function limitsOf({ rlimits }: BoxRequest): readonly string[] {
  const { pids, dataBytes, fileBytes } = rlimits
  return [
    ...(pids === null ? [] : [`--nproc=${pids}`]),
    ...(dataBytes === null ? [] : [`--data=${dataBytes}`]),
    ...(fileBytes === null ? [] : [`--fsize=${fileBytes}`]),
  ]
}

/** Sockets of the session outside, and the host's own way out. */
const dropped = /^(XDG_RUNTIME_DIR|DBUS_.*|SSH_.*|TMUX.*|(HTTP|HTTPS|ALL|NO)_PROXY)$/i

function boxEnvironment({ env, host }: BoxRequest, network: boolean): Record<string, string> {
  const kept = Object.entries(env).filter(([name]) => !dropped.test(name))
  return {
    ...Object.fromEntries(kept),
    HOME: homeInside(host.home),
    GIT_OPTIONAL_LOCKS: '0',
    ...(network ? proxied : {}),
  }
}

const proxyUrl = `http://127.0.0.1:${innerPort}`
const proxied: Readonly<Record<string, string>> = {
  HTTP_PROXY: proxyUrl,
  HTTPS_PROXY: proxyUrl,
  ALL_PROXY: proxyUrl,
  http_proxy: proxyUrl,
  https_proxy: proxyUrl,
  all_proxy: proxyUrl,
  NO_PROXY: '',
  no_proxy: '',
  NODE_USE_ENV_PROXY: '1', // Node's own fetch asks for it
  GIT_SSH_COMMAND: `ssh -o ProxyCommand="socat - PROXY:127.0.0.1:%h:%p,proxyport=${innerPort}"`,
}

// Which places of this host a sandboxed run sees: looked up anew at each start, because only what exists can be mounted.

import { existsSync, globSync, lstatSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import type { RunUser } from '../../lib/exec.ts'
import type { Mount } from './mounts.ts'
import type { BoxRequest, HostPlaces } from './port.ts'

/** Programs and their libraries below a home: no credentials lie in these. */
const toolchains = [
  'bin',
  '.local/bin',
  '.local/lib',
  '.local/share/fnm',
  '.local/share/mise',
  '.local/share/pipx',
  '.local/share/pnpm',
  '.local/share/uv',
  '.asdf',
  '.bun/bin',
  '.cargo/bin',
  '.cargo/env',
  '.deno/bin',
  '.fnm',
  '.npm-global',
  '.nvm',
  '.pyenv',
  '.rbenv',
  '.rustup',
  '.sdkman',
  '.volta',
  'go/bin',
]

/** Other people's files, sockets of services, what is plugged in, mail, jobs and logs. */
const alwaysHidden = [
  '/home',
  '/root',
  '/run',
  '/tmp',
  '/var/tmp',
  '/mnt',
  '/media',
  '/var/spool',
  '/var/mail',
  '/var/log',
]
/** Hiding one of these would take the system away. */
const system = new Set([
  '/',
  '/bin',
  '/dev',
  '/etc',
  '/lib',
  '/lib64',
  '/opt',
  '/proc',
  '/sbin',
  '/sys',
  '/usr',
  '/var',
])
/** A folder without which nothing runs. */
export function isOfSystem(path: string): boolean {
  return system.has(path)
}
/** In these a run may write, and it is gone with the run. */
const scratch = ['/run', '/tmp', '/var/tmp']

/** The path after symlinks, or null when nothing is there. */
export function realPath(path: string): string | null {
  try {
    return realpathSync(path)
  } catch {
    return null
  }
}

/** `~/x` below the home; other paths as they are. */
export function expandHome(path: string, home: string): string {
  return path === '~' || path.startsWith('~/') ? join(home, path.slice(2)) : path
}

/** Everything the run must not find: as fresh folders over what exists. */
export function hiddenPlaces(host: HostPlaces): readonly Mount[] {
  const { home, dataDir, capstanHome, secretDir, repos } = host
  const own = [home, dataDir, capstanHome, tmpdir(), ...(secretDir === null ? [] : [secretDir]), ...repos]
  const writable = new Set([...scratch, home, tmpdir()].map(realPath))
  return [...alwaysHidden, ...own]
    .map(realPath)
    .filter((path) => path !== null)
    .filter((path) => !system.has(path) && statSync(path).isDirectory())
    .map((path) => ({ kind: 'hidden' as const, path, writable: writable.has(path) }))
}

/** Toolchains, the folders of PATH, and the program itself. */
export function readablePlaces({ host, env, program, user }: BoxRequest): readonly Mount[] {
  const onPath = (env.PATH ?? '').split(':').filter((folder) => isAbsolute(folder))
  const names = toolchains.map((name) => join(host.home, name))
  const never = new Set([host.home, host.dataDir, host.capstanHome].map(realPath))
  const found = [...names, ...onPath.map(packagesOf), programAt(program, onPath)]
    .map((path) => (path === null ? null : realPath(path)))
    .filter((path) => path !== null)
    .filter((path) => !never.has(path) && !system.has(path) && reaches(user, path))
  return found.map((path) => ({ kind: 'read', path }))
}

/** Whether the user gets there. Null: the daemon's own, who found it. */
function reaches(user: RunUser | null, path: string): boolean {
  if (user === null || path === '/') return true
  const { uid, gid, mode } = statSync(path)
  const bits = uid === user.uid ? mode >> 6 : gid === user.gid ? mode >> 3 : mode
  const passes = statSync(path).isDirectory() ? (bits & 1) !== 0 : (bits & 4) !== 0
  return passes && reaches(user, dirname(path))
}

/** Programs of npm are links from `node_modules/.bin` to their packages beside it. */
function packagesOf(folder: string): string {
  const real = realPath(folder) ?? folder
  return real.endsWith('/node_modules/.bin') ? dirname(real) : real
}

/** What must be there to run it: its package where it lies in one, else its file. */
function programAt(program: string, onPath: readonly string[]): string | null {
  const places = program.includes('/') ? [program] : onPath.map((folder) => join(folder, program))
  const real = realPath(places.find((path) => existsSync(path)) ?? '')
  const at = real?.lastIndexOf('/node_modules/') ?? -1
  return real === null || at < 0 ? real : real.slice(0, at + '/node_modules'.length)
}

/** The object store and those it borrows from; no other file of the repository. */
export function objectStores(objectDir: string): readonly string[] {
  const found: string[] = []
  const waiting = [objectDir]
  for (let at = waiting.pop(); at !== undefined && found.length < maxStores; at = waiting.pop()) {
    const real = realPath(at)
    if (real === null || found.includes(real)) continue
    found.push(real)
    const list = join(real, 'info/alternates')
    const lines = existsSync(list) ? readFileSync(list, 'utf8').split('\n') : []
    waiting.push(...lines.filter((line) => line.startsWith('/')))
  }
  return found
}

const maxStores = 16

/** More matches than this are a pattern that means something else, and each is a mount. */
const maxMatches = 2_000

/** What the patterns name now, after symlinks; dangling links name nothing. Sentences say what a mount cannot cover. */
export function matching(
  patterns: readonly string[],
  { host, workspace, user }: Pick<BoxRequest, 'host' | 'workspace' | 'user'>,
): { readonly paths: readonly string[]; readonly notices: readonly string[] } {
  const found = new Set<string>()
  const notices: string[] = []
  for (const pattern of patterns) {
    const matches = globSync(expandHome(pattern, host.home), { cwd: workspace.path, exclude: ['.git/**'] })
    for (const match of matches.slice(0, maxMatches)) {
      const real = realPath(isAbsolute(match) ? match : join(workspace.path, match))
      if (real !== null && !system.has(real)) found.add(real)
    }
    if (matches.length > maxMatches)
      notices.push(`sandbox: ${pattern} names ${matches.length} files; ${maxMatches} are covered`)
  }
  for (const path of found) {
    const stat = lstatSync(path, { throwIfNoEntry: false })
    if (stat?.isFile() === true && stat.nlink > 1)
      notices.push(`sandbox: ${path} has ${stat.nlink} names; it can be read by the others`)
  }
  // where the run's user does not get there is nothing to cover, and bubblewrap, which runs as that user, could not
  return { paths: [...found].filter((path) => reaches(user, dirname(path))), notices }
}

/** The folders between the workspace and a covered path: mounted on themselves they cannot be renamed, and the path with them. */
export function parentsInside(path: string, top: string): readonly string[] {
  const parent = dirname(path)
  return parent === top || !parent.startsWith(`${top}/`) ? [] : [...parentsInside(parent, top), parent]
}

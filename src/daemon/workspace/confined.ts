// Git where only the workspace is: a sandboxed agent that still runs may put a link in the place of a folder while git looks at it, and git
// would bring what the link leads to, such as the user's keys, into the objects that the agent may read.

import { existsSync, mkdirSync } from 'node:fs'
import { delimiter, dirname, isAbsolute, join } from 'node:path'
import { processEnv } from '../../lib/env.ts'
import type { GitOptions } from '../../lib/git.ts'
import { lfsFilter } from '../../lib/git-filters.ts'
import { objectStores } from '../sandbox/places.ts'
import type { Workspace } from './port.ts'
import { privately, realOrNull } from './private-git.ts'

/** `path` lies in `top` (default: is it): a repository within the workspace. */
export type Looked = Pick<Workspace, 'path' | 'gitDir' | 'objectDir'> &
  Partial<Pick<Workspace, 'commonDir' | 'sandboxed'>> & { readonly top?: string }

/** The options with which git reads the workspace's files. As `privately`, and confined where the agent is. */
export function lookingAt(place: Looked, more: Parameters<typeof privately>[1] = {}): GitOptions {
  const options = privately(place, more)
  const words = place.sandboxed === true ? confinement(place) : null
  return words === null ? options : { ...options, before: [...words, '--chdir', place.path, '--'] }
}

/** False: nothing here keeps git from following the agent's links, so a look has to wait until the agent has ended. */
export function mayLookNow(place: Looked): boolean {
  return place.sandboxed !== true || confinement(place) !== null
}

/** Programs and their libraries; no data of people. */
const system = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/nix', '/gnu', '/opt', '/home/linuxbrew']
const systemFiles = ['/etc/ld.so.cache', '/etc/alternatives', '/etc/passwd']

/** Null: bubblewrap, or git, is not here, or lies where programs do not. */
function confinement(place: Looked): readonly string[] | null {
  const filters = Object.keys(lfsFilter()).length > 0
  const bwrap = onPath('bwrap')
  const needed = ['git', ...(filters ? ['git-lfs'] : [])].map(onPath)
  if (bwrap === null || needed.some((path) => path === null || !isOfSystem(path))) return null
  const { path, top = path, gitDir, objectDir, commonDir } = place
  const lfs = commonDir == null || !filters ? [] : [join(commonDir, 'lfs')]
  for (const folder of lfs) mkdirSync(folder, { recursive: true }) // what git-lfs keeps must outlast the command
  const written = [dirname(gitDir), objectDir, ...lfs, top]
  return [
    bwrap,
    ...['--tmpfs', '/tmp', '--dev', '/dev'],
    ...[...system, ...systemFiles].filter((each) => existsSync(each)).flatMap((each) => ['--ro-bind', each, each]),
    ...objectStores(objectDir).flatMap((each) => ['--ro-bind', each, each]),
    ...written.flatMap((each) => ['--bind', each, each]),
  ]
}

function onPath(program: string): string | null {
  const folders = (processEnv().PATH ?? '/usr/local/bin:/usr/bin:/bin')
    .split(delimiter)
    .filter((each) => isAbsolute(each))
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path)) ?? null
}

function isOfSystem(path: string): boolean {
  const inside = (each: string) => system.some((folder) => each.startsWith(`${folder}/`))
  return inside(path) && inside(realOrNull(path) ?? '')
}

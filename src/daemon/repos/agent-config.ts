// How a repository configures the agents that work in it: which files do so, and their content id, by which a host's owner trusts them.

import { cidOf } from '../../lib/cid.ts'
import type { GitOptions } from '../../lib/git.ts'
import { git } from '../../lib/git.ts'

export interface AgentConfig {
  /** Of names, modes and contents: any change makes another. */
  readonly cid: string
  readonly paths: readonly string[]
}

export interface LookedFor {
  /** Names as a CLI looks for them, such as `.claude`; on a file system that knows no case `.Claude` is the same, so case does not count. */
  readonly names: readonly string[]
  /** Where in the tree the agent works: a CLI looks there and in the folders above. Null: at the root. */
  readonly subfolder: string | null
}

/** What of a tree (its id) goes by one of the names; null: nothing. Throws `workspace_failed` when git does. */
export async function agentConfigIn(tree: string, looked: LookedFor, at: GitOptions): Promise<AgentConfig | null> {
  const wanted = new Set(looked.names.map((name) => name.toLowerCase()))
  const inFolders = await Promise.all(foldersTo(looked.subfolder).map((folder) => list(tree, [folder], at)))
  const found = inFolders.flat().filter(({ path }) => wanted.has(lastName(path)))
  if (found.length === 0) return null
  const tops = found.map(({ path }) => path)
  const whole = (await list(tree, tops, at, ['-r'])).sort((a, b) => (a.path < b.path ? -1 : 1))
  return { cid: cidOf(whole.map(({ line }) => line).join('\n')), paths: whole.map(({ path }) => path) }
}

/** Files by these names that lie in the work tree and not in the index of `at`, ignored ones too. Throws `workspace_failed` when git does. */
export async function besideIndex({ names, subfolder }: LookedFor, at: GitOptions): Promise<readonly string[]> {
  const paths = foldersTo(subfolder).flatMap((folder) => names.map((name) => `:(top,literal,icase)${folder}${name}`))
  const listed = await git(['ls-files', '--others', '-z', '--', ...paths], { ...at, maxBytes: 16_777_216 })
  return listed.split('\0').filter((path) => path !== '')
}

/** True when the tree has the file at its root. */
export async function holdsFile(tree: string, name: string, at: GitOptions): Promise<boolean> {
  return (await list(tree, [name], at)).length > 0
}

interface Entry {
  readonly path: string
  /** Mode, kind, id and path. */
  readonly line: string
}

async function list(
  tree: string,
  paths: readonly string[],
  at: GitOptions,
  how: readonly string[] = [],
): Promise<Entry[]> {
  const inside = paths.filter((path) => path !== '')
  const listed = await git(
    ['ls-tree', '-z', '--full-tree', ...how, tree, ...(inside.length === 0 ? [] : ['--', ...inside])],
    at,
  )
  return listed
    .split('\0')
    .filter((line) => line !== '')
    .map((line) => ({ line, path: line.slice(line.indexOf('\t') + 1) }))
}

/** `''`, `a/`, `a/b/` for `a/b`. */
export function foldersTo(subfolder: string | null): readonly string[] {
  const names = (subfolder ?? '').split('/').filter((name) => name !== '' && name !== '.')
  return ['', ...names.map((_, index) => `${names.slice(0, index + 1).join('/')}/`)]
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).toLowerCase()
}

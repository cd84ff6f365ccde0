// Repositories that the agent made inside the workspace: their files and history are kept in the main repository under a ref of their own.

import { lstatSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import type { GitOptions } from '../../lib/git.ts'
import { git, gitOrNull, longGitMs, runGit } from '../../lib/git.ts'
import type { Looked } from './confined.ts'
import { lookingAt } from './confined.ts'
import { nestedHead } from './nested-head.ts'
import type { Workspace } from './port.ts'
import { privately, readBounded } from './private-git.ts'
import type { NestedPath } from './snapshot.ts'
import { addAll } from './snapshot.ts'

export interface NestedRepo {
  /** Relative to the workspace; `.` is a repository made at its top. */
  readonly path: string
  readonly treeId: string
  readonly headSha: string | null
  /** A submodule that stands where it stood: only its files are kept, its history is upstream. */
  readonly unchanged: boolean
  /** Why its history (or part of its files) is kept nowhere else; null: all is kept. The workspace is not removed then. */
  readonly lost: string | null
}

type Place = Looked & Pick<Workspace, 'baseIndex'>

/** A repository within a repository within … : nobody works that deep. */
const maxDepth = 4
/** Larger ones are clones made for reading, not work; they stay where they are and keep the workspace from being removed. */
const maxGitBytes = 268_435_456
const maxGitEntries = 50_000

/** The trees of the nested repositories and what is inside them in turn. Nothing is written but objects. */
export async function nestedTrees(
  place: Place,
  paths: readonly NestedPath[],
  signal: AbortSignal | undefined,
  depth = 1,
): Promise<NestedRepo[]> {
  const found: NestedRepo[] = []
  for (const { path, unchanged } of paths) {
    const inner = { ...place, top: place.top ?? place.path, path: join(place.path, path) }
    const indexFile = `${place.baseIndex}.nested`
    rmSync(indexFile, { force: true })
    try {
      const added = await addAll(inner, indexFile, signal)
      const treeId = await git(['write-tree'], privately(inner, { indexFile, signal }))
      const headSha = nestedHead(inner.path)
      const unread = added.missing[0] ?? null
      const tooDeep =
        depth >= maxDepth && added.nested.length > 0
          ? `${path} holds repositories deeper than ${maxDepth} levels`
          : null
      const lost = unread ?? tooDeep ?? (unchanged ? null : unsafeHistory(inner.path))
      found.push({ path, treeId, headSha, unchanged, lost })
      if (depth >= maxDepth) continue
      const deeper = await nestedTrees(inner, added.nested, signal, depth + 1)
      found.push(...deeper.map((each) => ({ ...each, path: join(path, each.path) })))
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      found.push({ path, treeId: '', headSha: null, unchanged, lost: error.detail })
    } finally {
      rmSync(indexFile, { force: true })
    }
  }
  return found
}

/** A commit of the nested files whose parents are all its branch tips: one object that keeps everything reachable. */
export async function keepNested(
  place: Place,
  repo: NestedRepo,
  number: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly commit: string | null; readonly lost: string | null }> {
  if (repo.treeId === '') return { commit: null, lost: repo.lost }
  const fetched =
    repo.lost === null && repo.headSha !== null
      ? await fetchHistory(place, repo, number, signal)
      : { tips: [], lost: repo.lost }
  const parents = fetched.tips.flatMap((tip) => ['-p', tip])
  const input = `Files of the nested repository ${repo.path}\n`
  const commit = await git(['commit-tree', repo.treeId, ...parents], { ...privately(place), input, signal })
  return { commit, lost: fetched.lost }
}

async function fetchHistory(
  place: Place,
  repo: NestedRepo,
  number: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly tips: readonly string[]; readonly lost: string | null }> {
  const options: GitOptions = {
    ...lookingAt(place, { signal, timeoutMs: longGitMs }),
    config: { 'core.bare': 'false' },
    fetchFrom: 'files',
  }
  const into = `refs/nested/${number}`
  const args = [
    'fetch',
    '--quiet',
    '--no-tags',
    '--no-write-fetch-head',
    '--no-auto-maintenance',
    '--no-recurse-submodules',
    '--prune',
    // the git that serves forgets our settings, and with --run-as the repository is somebody else's
    "--upload-pack=git -c 'safe.directory=*' upload-pack",
  ]
  const from = join(place.path, repo.path, '.git')
  const result = await runGit(
    [...args, '--end-of-options', from, `+refs/*:${into}/refs/*`, `+HEAD:${into}/HEAD`],
    options,
  )
  if (result.code !== 0) return { tips: [], lost: `the history of ${repo.path} could not be copied` }
  const format = '%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)'
  const listed = (await gitOrNull(['for-each-ref', `--format=${format}`, into], options)) ?? ''
  const tips: string[] = []
  for (const id of new Set(listed.split('\n').filter((line) => line !== ''))) {
    if ((await gitOrNull(['cat-file', '-t', id], options)) === 'commit') tips.push(id)
  }
  // a commit with hundreds of parents is legal but unwieldy; the rest would be lost, so it is said
  return tips.length > maxTips
    ? { tips: tips.slice(0, maxTips), lost: `${repo.path} has more than ${maxTips} branches` }
    : { tips, lost: null }
}

const maxTips = 64

/**
 * Why the history of a repository in the workspace is not copied. A link, an alternate or a pointer to another folder would make the daemon
 * copy from where the agent may not read; a shallow one would leave holes in the main repository.
 */
function unsafeHistory(folder: string): string | null {
  const gitDir = join(folder, '.git')
  if (!lstatSync(gitDir).isDirectory()) return `the git folder of ${folder} is elsewhere, so its history is not copied`
  const waiting = [gitDir]
  let bytes = 0
  let entries = 0
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name)
      entries += 1
      if (entry.isDirectory()) waiting.push(path)
      else if (!entry.isFile()) return `${path} is not a plain file, so the history is not copied`
      else bytes += lstatSync(path).size
      if (refusedFiles.has(path.slice(gitDir.length + 1)))
        return `${folder} is a shallow or borrowed repository, so its history is not copied`
      if (bytes > maxGitBytes || entries > maxGitEntries)
        return `${folder} is a large repository, so its history is not copied`
    }
  }
  return unsafeConfig(gitDir) ? `the configuration of ${folder} reaches beyond it, so its history is not copied` : null
}

/** A configuration larger than this is no person's. */
const maxConfigBytes = 1_048_576

/** The git that serves the history reads this: included files may be anything, and a promisor would be asked for what is missing. */
function unsafeConfig(gitDir: string): boolean {
  return ['config', 'config.worktree'].some((name) => {
    const bytes = readBounded(join(gitDir, name), { maxBytes: maxConfigBytes, links: 'refused' })
    if (bytes === null) return lstatSync(join(gitDir, name), { throwIfNoEntry: false }) !== undefined
    return /\[\s*include|promisor|partialclone/i.test(bytes.toString('utf8'))
  })
}

const refusedFiles: ReadonlySet<string> = new Set([
  'shallow',
  'commondir',
  'objects/info/alternates',
  'objects/info/http-alternates',
])

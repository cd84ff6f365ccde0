// Branches that Capstan made: one goes only when its commits are on another branch too, or in the checkpoint of a run that failed.

import type { GitOptions } from '../../lib/git.ts'
import { git, gitOrNull, longGitMs, runGit } from '../../lib/git.ts'
import { withLock } from '../../lib/lock.ts'
import { checkpointRef } from '../workspace/checkpoint.ts'
import { worktreeLock } from '../workspace/intent.ts'
import type { Workspace } from '../workspace/port.ts'
import { dropBranch } from '../workspace/remove.ts'

export interface MergedBranch {
  readonly name: string
  readonly sha: string
  /** The branch that has all its commits. */
  readonly into: string
}

interface Ref {
  readonly name: string
  readonly sha: string
  /** Of the tip's commit, ms since the epoch. */
  readonly at: number
}

const ours = /^capstan[/-]([0-9a-z-]{4,10})[/-]/

/**
 * Branches whose tip is older than `before`, that a task of ours was given, that no worktree has checked out, and all of whose commits are on a
 * branch that is not ours. A delivered branch that nobody merged is never among them: it is what the user asked for.
 */
export async function mergedBranches(
  commonDir: string,
  before: number,
  signal: AbortSignal | undefined,
): Promise<MergedBranch[]> {
  const at: GitOptions = { cwd: commonDir, gitDir: commonDir, signal, timeoutMs: longGitMs, maxBytes: 67_108_864 }
  const heads = await refs(['refs/heads/'], at)
  const due = heads.filter(({ name, at: born }) => ours.test(name) && born < before)
  if (due.length === 0) return []
  const tasks = await tasksWithCheckpoint(at)
  const inUse = await checkedOut(at)
  const merged: MergedBranch[] = []
  for (const { name, sha } of due) {
    if (inUse.has(name) || !tasks.has(ours.exec(name)?.[1] ?? '')) continue
    const into = await otherWith(sha, at)
    if (into !== null) merged.push({ name, sha, into })
  }
  return merged
}

/** Deletes it if it still stands there and still is nobody's. */
export function dropMerged(commonDir: string, branch: MergedBranch): Promise<boolean> {
  return withLock(worktreeLock(commonDir), {}, async () => {
    const inUse = await checkedOut({ cwd: commonDir, gitDir: commonDir })
    return !inUse.has(branch.name) && (await dropBranch(commonDir, branch.name, branch.sha))
  })
}

/** The tip of a failed run's branch when its checkpoint holds all of it; null: there is no such branch, or it holds more. */
export async function keptTip(workspace: Workspace, signal: AbortSignal | undefined): Promise<MergedBranch | null> {
  const { commonDir, branch } = workspace
  if (commonDir === null || branch === null || workspace.mode !== 'worktree') return null
  const at: GitOptions = { cwd: commonDir, gitDir: commonDir, signal }
  const sha = await gitOrNull(['rev-parse', '--verify', '--quiet', `refs/heads/${branch}^{commit}`], at)
  const into = checkpointRef(workspace)
  if (sha === null || (await runGit(['merge-base', '--is-ancestor', sha, into], at)).code !== 0) return null
  return { name: branch, sha, into }
}

async function refs(patterns: readonly string[], at: GitOptions): Promise<Ref[]> {
  const format = '%(refname:lstrip=2) %(objectname) %(committerdate:unix)'
  const listed = await git(['for-each-ref', `--format=${format}`, ...patterns], at)
  return listed.split('\n').flatMap((line) => {
    const [name = '', sha = '', seconds = ''] = line.split(' ')
    return name === '' ? [] : [{ name, sha, at: Number(seconds) * 1_000 }]
  })
}

/** The short names, as in branches, of tasks that Capstan worked on here: `branch.ts` takes the last ten letters of the id. */
async function tasksWithCheckpoint(at: GitOptions): Promise<ReadonlySet<string>> {
  const listed = await git(['for-each-ref', '--format=%(refname:lstrip=3)', 'refs/capstan/checkpoints/'], at)
  return new Set(listed.split('\n').map((name) => (name.split('/')[0] ?? '').slice(-10).toLowerCase()))
}

async function checkedOut(at: GitOptions): Promise<ReadonlySet<string>> {
  const listed = await git(['worktree', 'list', '--porcelain'], at)
  const lines = listed.split('\n').filter((line) => line.startsWith('branch refs/heads/'))
  return new Set(lines.map((line) => line.slice('branch refs/heads/'.length)))
}

/** Another branch, here or of a remote, that has the commit; null when only ours have it. */
async function otherWith(sha: string, at: GitOptions): Promise<string | null> {
  const format = '--format=%(refname)'
  const listed = await git(['for-each-ref', '--contains', sha, format, 'refs/heads/', 'refs/remotes/'], at)
  const names = listed.split('\n').filter((name) => name !== '')
  return names.find((name) => !/^refs\/(heads|remotes\/[^/]+)\/capstan[/-]/.test(name)) ?? null
}

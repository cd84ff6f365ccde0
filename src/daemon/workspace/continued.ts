// Where a worktree begins that goes on from earlier work: at the tip of its branch, at its checkpoint, or, on another host, at what its
// patch makes of its base.

import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { writeFileAtomic } from '../../lib/atomic-file.ts'
import type { GitAuthor, GitOptions } from '../../lib/git.ts'
import { git, gitOrNull, runGit, signArgs } from '../../lib/git.ts'
import { commitOf } from '../../lib/git-refs.ts'
import type { Continuation } from '../../protocol/session.ts'
import { isInside } from '../repos/registry.ts'
import { isTaskBranch } from './branch.ts'

export interface Earlier {
  readonly work: Continuation
  /** Number of the attempt that goes on with it: after the first the branch may stand elsewhere. */
  readonly n: number
  /** The server's copy of the patch; null when there is none. */
  patch(): Promise<Uint8Array | null>
  readonly author: GitAuthor
  /** Folder of Capstan's own workspaces. */
  readonly root: string
  /** True while another run of this daemon has not ended: its files and its branch are its own. */
  isAtWork(attemptId: string): boolean
}

export interface Branch {
  readonly name: string
  readonly at: string
}

export interface Tip {
  readonly sha: string
  /** The branch to go on with, and the commit where it was seen; null: a new one. */
  readonly branch: Branch | null
  /** How the files differ from what was left, in sentences. */
  readonly drift: readonly string[]
}

/** Throws `workspace_failed` when this host has nothing of the work and cannot make it. */
export async function tipOf(
  commonDir: string,
  { work, n, patch, author, root, isAtWork }: Earlier,
  signal: AbortSignal,
): Promise<Tip> {
  const at: GitOptions = { cwd: commonDir, gitDir: commonDir, signal }
  const branch = work.branch === null ? null : await commitOf(`refs/heads/${work.branch}`, at)
  const left = work.checkpointSha === null ? null : await commitOf(work.checkpointSha, at)
  const held = work.mode === 'extend' && work.branch !== null ? await holder(work, { root, isAtWork }, at) : null
  const isFree = work.mode === 'extend' && held === null && isTaskBranch(work.branch ?? '')
  const extending = isFree && work.branch !== null && branch !== null ? { name: work.branch, at: branch } : null
  const elsewhere =
    held === null ? [] : [`the branch ${work.branch} is checked out at ${held}; this run works on one of its own`]
  if (branch !== null && work.treeId !== null) {
    if ((await treeOf(branch, at)) === work.treeId) return { sha: branch, branch: extending, drift: elsewhere }
    // What was not committed to the branch is in the checkpoint.
    if (left !== null && (await isAncestor(branch, left, at))) return { sha: left, branch: extending, drift: elsewhere }
    // An earlier attempt of the same task moved it: what that made is in its own checkpoint.
    if (n > 1 && left !== null) return { sha: left, branch: null, drift: elsewhere }
    const moved = `the branch ${work.branch} is no longer as it was left; this run starts from it as it is now (${short(branch)})`
    return { sha: branch, branch: extending, drift: [moved, ...elsewhere] }
  }
  if (left !== null) return { sha: left, branch: null, drift: [] }
  if (branch !== null) return { sha: branch, branch: extending, drift: elsewhere }
  return { sha: await rebuilt(work, await patch(), { at, author }), branch: null, drift: [] }
}

/**
 * Who has the branch checked out, other than a workspace of ours that has ended: its files must not change under somebody. Ours lets go of it:
 * its HEAD stays on the commit where the branch was.
 */
async function holder(
  work: Continuation,
  { root, isAtWork }: Pick<Earlier, 'root' | 'isAtWork'>,
  at: GitOptions,
): Promise<string | null> {
  const listed = await git(['worktree', 'list', '--porcelain', '-z'], { ...at, maxBytes: 16_777_216 })
  for (const entry of listed.split('\0\0')) {
    const [path = '', ...facts] = entry.split('\0')
    if (!facts.includes(`branch refs/heads/${work.branch}`)) continue
    const place = path.replace(/^worktree /, '')
    if (!existsSync(place)) continue
    const run = facts.map((fact) => /^locked capstan run (att_\w+)$/.exec(fact)?.[1]).find((id) => id !== undefined)
    if (!isOurs(place, root) || (run !== undefined && isAtWork(run))) return place
    const adminDir = adminDirAt(place, at.cwd)
    if (adminDir === null) return place
    const sha = await commitOf(`refs/heads/${work.branch}`, at)
    if (sha !== null) writeFileAtomic(join(adminDir, 'HEAD'), `${sha}\n`, 0o644)
  }
  return null
}

/** Moves a branch that is gone on with. Throws `workspace_failed` when it is not where it was seen: somebody else works there. */
export async function advance({ name, at: seen }: Branch, to: string, at: GitOptions): Promise<void> {
  const ref = `refs/heads/${name}`
  const { code } = await runGit(['update-ref', '--no-deref', '-m', 'capstan: go on', ref, to, seen], at)
  if (code === 0) return
  throw new Problem(
    'workspace_failed',
    `the branch ${name} was moved while this run was made ready; it is left as it is now`,
  )
}

function isOurs(place: string, root: string): boolean {
  return isInside(realpathSync(root), realpathSync(place))
}

/** The agent may have written the pointer: only a folder of this repository's worktrees counts. */
function adminDirAt(place: string, commonDir: string): string | null {
  try {
    const adminDir = realpathSync(
      readFileSync(join(place, '.git'), 'utf8')
        .trim()
        .replace(/^gitdir: /, ''),
    )
    return dirname(adminDir) === join(realpathSync(commonDir), 'worktrees') ? adminDir : null
  } catch {
    return null
  }
}

interface Making {
  readonly at: GitOptions
  readonly author: GitAuthor
}

/** The earlier work as one commit on its base, in a repository that never saw it. */
async function rebuilt(work: Continuation, patch: Uint8Array | null, { at, author }: Making): Promise<string> {
  const base = work.baseSha === null ? null : await commitOf(work.baseSha, at)
  if (base === null) {
    const missing =
      work.baseSha === null ? 'it has no base' : `its base ${short(work.baseSha)} is not in this repository`
    throw new Problem(
      'workspace_failed',
      `the work of ${work.taskId} is not on this host, and ${missing}; fetch it here`,
    )
  }
  if (work.treeId === (await treeOf(base, at))) return base
  if (patch === null) {
    throw new Problem(
      'workspace_failed',
      `the work of ${work.taskId} is on the host ${work.daemonId} alone: neither its branch nor its diff reached this one`,
    )
  }
  const folder = mkdtempSync(join(tmpdir(), 'capstan-patch-'))
  try {
    const staged: GitOptions = { ...at, indexFile: join(folder, 'index') }
    await git(['read-tree', base], staged)
    const applied = await runGit(['apply', '--cached', '--binary', '--whitespace=nowarn', '-'], {
      ...staged,
      input: patch,
    })
    const tree = applied.code === 0 ? await git(['write-tree'], staged) : null
    if (tree === null || (work.treeId !== null && tree !== work.treeId)) {
      throw new Problem('workspace_failed', `the diff of ${work.taskId} does not give its tree on ${short(base)}`)
    }
    const input = `Work of ${work.taskId}, brought from another host\n`
    return await git(['commit-tree', ...signArgs(author), tree, '-p', base], { ...staged, author, input })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function treeOf(commit: string, at: GitOptions): Promise<string | null> {
  return gitOrNull(['rev-parse', '--verify', '--quiet', `${commit}^{tree}`], at)
}

async function isAncestor(older: string, newer: string, at: GitOptions): Promise<boolean> {
  return (await runGit(['merge-base', '--is-ancestor', older, newer], at)).code === 0
}

function short(sha: string): string {
  return sha.slice(0, 12)
}

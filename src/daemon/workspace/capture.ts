// Proof of change: the final tree, what it differs by, and a checkpoint that keeps it. The agent's tree and git metadata are hostile input.

import { rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { allEnded } from '../../lib/all-ended.ts'
import { cidOf } from '../../lib/cid.ts'
import type { GitOptions } from '../../lib/git.ts'
import { gitBytes, gitOrNull, longGitMs, zeroSeparated } from '../../lib/git.ts'
import { withLock } from '../../lib/lock.ts'
import type { Evidence } from '../../protocol/task.ts'
import { writeCheckpoint } from './checkpoint.ts'
import { importClone } from './clone.ts'
import { keepChangedCopies } from './copies.ts'
import { diffOrReason } from './diff.ts'
import type { Head } from './head.ts'
import { readHead, stagedTree } from './head.ts'
import type { NestedRepo } from './nested.ts'
import { nestedTrees } from './nested.ts'
import type { Workspace } from './port.ts'
import { privately, realOrNull } from './private-git.ts'
import { hasGit, snapshot } from './snapshot.ts'

export interface CaptureRequest {
  readonly taskId: string
  readonly attemptId: string
  /** First line of the checkpoint's message. */
  readonly commitMessage: string
  readonly signal?: AbortSignal | undefined
  /** Default `limits.diffBytes`. */
  readonly maxDiffBytes?: number
}

/** Plain JSON but for `patch`. */
export interface Captured {
  /** Without checks and push: those come later. */
  readonly evidence: Evidence
  /** `git diff --binary` from the base to the tree; null when empty or larger than the limit (`evidence.diffWithheld` says). */
  readonly patch: Buffer | null
  readonly treeId: string
  readonly headSha: string | null
  /** The index of the final tree, in the daemon's state. */
  readonly finalIndex: string
  /** What is not kept by the checkpoint, in sentences. Empty: the workspace may be removed. */
  readonly unkept: readonly string[]
  readonly notices: readonly string[]
}

/**
 * Records the workspace as it is now. May be called any number of times, while the agent runs too (then the tree is what git saw on its way).
 * Throws `workspace_failed` when the folder is gone or git fails; nothing of the agent's is changed in any case.
 */
export function capture(workspace: Workspace, request: CaptureRequest): Promise<Captured> {
  return withLock(captureLock(workspace), { signal: request.signal, timeoutMs: longGitMs }, () =>
    captureAlone(workspace, request),
  )
}

/** One look at a time: a periodic checkpoint and the final capture use the same files of the daemon's state. */
export function captureLock(workspace: Workspace): string {
  return join(dirname(workspace.baseIndex), 'lock')
}

async function captureAlone(workspace: Workspace, request: CaptureRequest): Promise<Captured> {
  const state = await lookAt(workspace, finalIndexOf(workspace), request.signal)
  // At once, but all of them to their ends: nothing of this capture may be under way when the next one begins.
  const [checkpoint, diff, ahead, untracked] = await allEnded([
    writeCheckpoint(workspace, state, request),
    diffOrReason(workspace, state.treeId, request),
    commitsAhead(workspace, state.head.sha, request.signal),
    untrackedCount(workspace, state, request.signal),
  ])
  const copies = keepChangedCopies(workspace)
  const evidence: Evidence = {
    workspaceMode: workspace.mode,
    branch: workspace.branch,
    baseSha: workspace.baseSha,
    headSha: state.head.sha,
    treeId: state.treeId,
    commitsAhead: ahead,
    ...diff.counts,
    untracked,
    diffBytes: diff.bytes,
    diffCid: diff.patch === null ? null : cidOf(diff.patch),
    diffWithheld: diff.withheld,
    pushedRef: null,
    checks: [],
    checkpointRef: checkpoint.ref,
    checkpointSha: checkpoint.commit,
    changedByChecks: false,
    nestedRepos: state.nested.map((repo) => repo.path),
  }
  return {
    evidence,
    patch: diff.patch,
    treeId: state.treeId,
    headSha: state.head.sha,
    finalIndex: finalIndexOf(workspace),
    unkept: [...state.missing, ...checkpoint.lost],
    notices: [...state.notices, ...copies],
  }
}

/** What a workspace is made of at one moment. */
export interface WorkspaceState {
  readonly treeId: string
  readonly head: Head
  /** The tree the agent has staged, when it can be read. */
  readonly staged: string | null
  readonly nested: readonly NestedRepo[]
  readonly missing: readonly string[]
  readonly notices: readonly string[]
}

/** Everything that would be lost with the folder. Throws `workspace_failed` when the folder is gone or was swapped for a link. */
export async function lookAt(
  workspace: Workspace,
  indexFile: string,
  signal: AbortSignal | undefined,
): Promise<WorkspaceState> {
  if (realOrNull(workspace.path) !== workspace.path) {
    throw new Problem(
      'workspace_failed',
      `${workspace.path} is gone or was replaced by a link; its last checkpoint is what there is.`,
    )
  }
  const lost = await importClone(workspace, signal)
  const [head, staged, tree] = await Promise.all([
    readHead(workspace, signal),
    stagedTree(workspace, signal),
    snapshot(workspace, indexFile, signal),
  ])
  const top = ownRepoAtTop(workspace) ? [{ path: '.', unchanged: false }] : []
  const nested = await nestedTrees(workspace, [...top, ...tree.nested], signal)
  const notices = head.problem === null ? tree.notices : [...tree.notices, head.problem]
  return { treeId: tree.treeId, head, staged, nested, missing: [...lost, ...tree.missing], notices }
}

/** The tree as it is now, without looking at anything else; for checks. */
export async function treeNow(workspace: Workspace, signal: AbortSignal | undefined): Promise<string> {
  const indexFile = `${workspace.baseIndex}.now`
  try {
    return (await snapshot(workspace, indexFile, signal)).treeId
  } finally {
    rmSync(indexFile, { force: true })
  }
}

export function finalIndexOf(workspace: Workspace): string {
  return join(dirname(workspace.baseIndex), 'final.index')
}

/** True when the folder has a `.git` folder that Capstan did not put there: an agent's `git init`. */
function ownRepoAtTop(workspace: Workspace): boolean {
  if (!hasGit(workspace.path)) return false
  if (workspace.mode === 'scratch') return true
  return (
    workspace.mode === 'worktree' &&
    statSync(join(workspace.path, '.git'), { throwIfNoEntry: false })?.isDirectory() === true
  )
}

async function commitsAhead(
  workspace: Workspace,
  headSha: string | null,
  signal: AbortSignal | undefined,
): Promise<number> {
  if (headSha === null || workspace.baseSha === null || headSha === workspace.baseSha) return 0
  const counted = await gitOrNull(
    ['rev-list', '--count', `${workspace.baseSha}..${headSha}`],
    privately(workspace, { signal }),
  )
  return Number(counted ?? 0)
}

/** Files that neither the agent's index nor its HEAD knows: what `git status` would call untracked. */
async function untrackedCount(
  workspace: Workspace,
  state: WorkspaceState,
  signal: AbortSignal | undefined,
): Promise<number> {
  const known = state.staged ?? (state.head.sha === null ? workspace.baseTree : `${state.head.sha}^{tree}`)
  const options: GitOptions = { ...privately(workspace, { signal }), maxBytes: 268_435_456 }
  const args = [
    'diff-tree',
    '-r',
    '--no-renames',
    '--diff-filter=A',
    '--name-only',
    '-z',
    '--no-ext-diff',
    known,
    state.treeId,
    '--',
  ]
  return zeroSeparated(await gitBytes(args, options)).length
}

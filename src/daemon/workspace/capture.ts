// Proof of change: the final tree, what it differs by, and a checkpoint that keeps it. The agent's tree and git metadata are hostile input.

import { readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { cidOf } from '../../lib/cid.ts'
import type { GitOptions } from '../../lib/git.ts'
import { git, gitBytes, gitOrNull, longGitMs, zeroSeparated } from '../../lib/git.ts'
import { withLock } from '../../lib/lock.ts'
import { limits } from '../../protocol/names.ts'
import type { Evidence } from '../../protocol/task.ts'
import { writeCheckpoint } from './checkpoint.ts'
import { importClone } from './clone.ts'
import { keepChangedCopies } from './copies.ts'
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

/** As `Promise.all`, but it settles when the last of them has. */
async function allEnded<T extends readonly unknown[]>(
  promises: {
    readonly [K in keyof T]: Promise<T[K]>
  },
): Promise<{ -readonly [K in keyof T]: T[K] }> {
  await Promise.allSettled(promises)
  return await Promise.all(promises)
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

interface Diff {
  readonly patch: Buffer | null
  readonly bytes: number
  readonly withheld: string | null
  readonly counts: { readonly filesChanged: number; readonly insertions: number; readonly deletions: number }
}

/** Attributes and configuration of the tree must not run or hide anything: no external diff, no text conversion, renames always found. */
const plainDiff: readonly string[] = [
  '-r',
  '-M',
  '--no-ext-diff',
  '--no-textconv',
  '--ignore-submodules=none',
  '--no-color',
]

/** Work is no less there because git cannot show it: out of memory, killed, or too slow. The checkpoint has it by then. */
async function diffOrReason(workspace: Workspace, treeId: string, request: CaptureRequest): Promise<Diff> {
  try {
    return await diffOf(workspace, treeId, request)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    const withheld = `the diff could not be made (${error.detail}) The work is in the checkpoint on its host.`
    const counts = { filesChanged: await changedCount(workspace, treeId, request.signal), insertions: 0, deletions: 0 }
    return { patch: null, bytes: 0, withheld, counts }
  }
}

/** How many files differ, told from the trees alone: no file is read. */
async function changedCount(workspace: Workspace, treeId: string, signal: AbortSignal | undefined): Promise<number> {
  const options = { ...privately(workspace, { signal }), maxBytes: 268_435_456 }
  const args = ['diff-tree', '-r', '--no-renames', '--name-only', '-z', '--no-ext-diff', workspace.baseTree, treeId]
  return zeroSeparated(await gitBytes([...args, '--'], options)).length
}

/** A larger file is compared as bytes: git would need several times its size in memory for its lines. */
const bigFiles = { 'core.bigFileThreshold': '50m' }

async function diffOf(workspace: Workspace, treeId: string, request: CaptureRequest): Promise<Diff> {
  const place = privately(workspace, { signal: request.signal, timeoutMs: longGitMs })
  const options = { ...place, config: { ...place.config, ...bigFiles }, maxBytes: 268_435_456 }
  const trees = [workspace.baseTree, treeId, '--']
  const file = join(dirname(workspace.baseIndex), 'patch')
  const max = request.maxDiffBytes ?? limits.diffBytes
  try {
    const [numbers] = await allEnded([
      gitBytes(['diff-tree', ...plainDiff, '--numstat', '-z', ...trees], options),
      git(['diff-tree', ...plainDiff, '-p', '--binary', '--full-index', `--output=${file}`, ...trees], options),
    ])
    const counts = countsOf(numbers)
    const bytes = statSync(file).size
    if (bytes === 0) return { patch: null, bytes, withheld: null, counts }
    if (bytes <= max) return { patch: readFileSync(file), bytes, withheld: null, counts }
    return {
      patch: null,
      bytes,
      withheld: `the diff has ${bytes} bytes; at most ${max} are sent. It is in the checkpoint on its host.`,
      counts,
    }
  } finally {
    rmSync(file, { force: true })
  }
}

/** Of `--numstat -z`: `added TAB deleted TAB path`, or with an empty path and two further fields for a rename. */
function countsOf(output: Buffer): Diff['counts'] {
  const fields = zeroSeparated(output)
  let [filesChanged, insertions, deletions] = [0, 0, 0]
  for (let at = 0; at < fields.length; at += 1) {
    const [added = '', removed = '', path = ''] = (fields[at] ?? '').split('\t')
    filesChanged += 1
    insertions += Number(added) || 0 // "-" for binary files
    deletions += Number(removed) || 0
    if (path === '') at += 2
  }
  return { filesChanged, insertions, deletions }
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

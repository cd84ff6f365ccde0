// Checkpoints: a commit of everything in the workspace under a ref of its own, so that nothing is lost when the folder goes.

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readFileIfThere } from '../../lib/atomic-file.ts'
import type { GitOptions } from '../../lib/git.ts'
import { git, gitOrNull } from '../../lib/git.ts'
import type { CaptureRequest, WorkspaceState } from './capture.ts'
import { keepNested } from './nested.ts'
import type { Workspace } from './port.ts'
import { privately } from './private-git.ts'

export interface Checkpoint {
  readonly ref: string
  readonly commit: string
  /** What could not be kept, in sentences. */
  readonly lost: readonly string[]
}

export function checkpointRef(workspace: Pick<Workspace, 'taskId' | 'n'>): string {
  return `refs/capstan/checkpoints/${workspace.taskId}/${workspace.n}`
}

export function nestedRef(workspace: Pick<Workspace, 'taskId' | 'n'>, number: number): string {
  return `${checkpointRef(workspace)}.nested/${number}`
}

/** Where the workspace's checkpoints are: the main repository, or for scratch the daemon's own. */
export function checkpointHome(workspace: Workspace, signal: AbortSignal | undefined): GitOptions {
  const home = workspace.commonDir ?? workspace.gitDir
  return { cwd: home, gitDir: home, signal }
}

/** Writes the commit and moves the ref; the same state again gives the commit that is there. */
export async function writeCheckpoint(
  workspace: Workspace,
  state: WorkspaceState,
  request: CaptureRequest,
): Promise<Checkpoint> {
  const home = checkpointHome(workspace, request.signal)
  const lost: string[] = []
  for (const [number, repo] of state.nested.entries()) {
    const kept = await keepNested(workspace, repo, number, request.signal)
    if (kept.lost !== null) lost.push(`The nested repository ${repo.path} is not wholly kept: ${kept.lost}.`)
    if (kept.commit !== null) await git(['update-ref', '--no-deref', nestedRef(workspace, number), kept.commit], home)
  }
  const ref = checkpointRef(workspace)
  const parents = await parentsOf(workspace, state, request)
  const before = isNew(ref, home) ? null : await sameCheckpoint({ ref, treeId: state.treeId, parents }, home)
  if (before !== null) return { ref, commit: before, lost }
  const message = `${request.commitMessage.split('\n')[0] ?? ''}\n\nCapstan-Task: ${request.taskId}\nCapstan-Attempt: ${request.attemptId}\n`
  const options = { ...privately(workspace, { signal: request.signal }), input: message }
  const commit = await git(['commit-tree', state.treeId, ...parents.flatMap((parent) => ['-p', parent])], options)
  await git(['update-ref', '--no-deref', ref, commit], home)
  return { ref, commit, lost }
}

/** HEAD keeps the agent's commits; a commit of what it had staged keeps that too where it differs from both HEAD and the files. */
async function parentsOf(workspace: Workspace, state: WorkspaceState, request: CaptureRequest): Promise<string[]> {
  if (state.head.sha === null) return []
  const options = privately(workspace, { signal: request.signal })
  if (state.staged === null || state.staged === state.treeId) return [state.head.sha]
  const headTree =
    state.head.sha === workspace.baseSha
      ? workspace.baseTree
      : await gitOrNull(['rev-parse', '--verify', '--quiet', `${state.head.sha}^{tree}`], options)
  if (state.staged === headTree) return [state.head.sha]
  const before = await gitOrNull(
    ['rev-parse', '--verify', '--quiet', `${checkpointRef(workspace)}^2`],
    checkpointHome(workspace, request.signal),
  )
  const again = before === null ? null : await treeAndParents(before, options)
  if (before !== null && again === `${state.staged} ${state.head.sha}`) return [state.head.sha, before]
  const input = `Staged in ${request.attemptId}\n`
  return [state.head.sha, await git(['commit-tree', state.staged, '-p', state.head.sha], { ...options, input })]
}

/** True when no file can hold the ref: the usual case at an attempt's first checkpoint, and a start of git less. False: git knows. */
function isNew(ref: string, { gitDir }: GitOptions): boolean {
  if (gitDir === undefined || existsSync(join(gitDir, ref)) || existsSync(join(gitDir, 'reftable'))) return false
  const packed = join(gitDir, 'packed-refs')
  if ((statSync(packed, { throwIfNoEntry: false })?.size ?? 0) > fewRefsBytes) return false
  return readFileIfThere(packed)?.includes(ref) !== true
}

/** Git finds its way in a larger list quicker than it is read here. */
const fewRefsBytes = 1_048_576

async function sameCheckpoint(
  wanted: { readonly ref: string; readonly treeId: string; readonly parents: readonly string[] },
  home: GitOptions,
): Promise<string | null> {
  const show = ['show', '-s', '--no-show-signature', '--format=%H %T %P', `${wanted.ref}^{commit}`, '--']
  const [commit = '', ...rest] = (await gitOrNull(show, home))?.trim().split(' ') ?? []
  return commit !== '' && rest.join(' ') === [wanted.treeId, ...wanted.parents].join(' ') ? commit : null
}

async function treeAndParents(commit: string, options: GitOptions): Promise<string | null> {
  return (
    (await gitOrNull(['show', '-s', '--no-show-signature', '--format=%T %P', commit, '--'], options))?.trim() ?? null
  )
}

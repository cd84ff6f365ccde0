// Delivery to the task's branch: what the agent left uncommitted becomes one commit on top of its own.

import { Problem } from '../../core/problem.ts'
import type { GitAuthor } from '../../lib/git.ts'
import { git, gitOrNull, runGit, signArgs } from '../../lib/git.ts'
import { commitOf } from '../../lib/git-refs.ts'
import { settleAdminDir } from './admin-dir.ts'
import { clearBranchLock } from './branch.ts'
import type { Captured } from './capture.ts'
import type { Workspace } from './port.ts'
import { privately } from './private-git.ts'

export interface DeliverRequest {
  readonly author: GitAuthor
  readonly message: string
  readonly signal?: AbortSignal | undefined
}

/** Of what `capture` gave, only this is needed: plain JSON, as it is journalled. */
export type CapturedTree = Pick<Captured, 'treeId' | 'headSha' | 'finalIndex'>

export interface Delivered {
  readonly branch: string
  /** Tip of the branch: its tree is the captured one. */
  readonly commit: string
  /** False: the branch stood there already. */
  readonly changed: boolean
}

/**
 * Moves the task's branch to a commit with the captured tree and leaves the worktree's status clean. Null for `shared` and `scratch`, where the
 * work lies in the folder itself. Calling it again changes nothing. Throws `workspace_failed` when somebody moved the branch meanwhile.
 */
export async function deliverBranch(
  workspace: Workspace,
  captured: CapturedTree,
  request: DeliverRequest,
): Promise<Delivered | null> {
  const { commonDir, branch } = workspace
  if (workspace.mode !== 'worktree' || commonDir === null || branch === null) return null
  const main = { cwd: commonDir, gitDir: commonDir, signal: request.signal }
  const tip = await commitOf(`refs/heads/${branch}`, main)
  const commit = await commitToDeliver(workspace, captured, { ...request, tip })
  if (commit !== tip) {
    clearBranchLock(commonDir, branch)
    const expected = tip ?? '0'.repeat(commit.length)
    const result = await runGit(
      ['update-ref', '--no-deref', '-m', 'capstan: deliver', `refs/heads/${branch}`, commit, expected],
      main,
    )
    if (result.code !== 0) {
      throw new Problem(
        'workspace_failed',
        `the branch ${branch} was moved while it was delivered; look at it with: git log ${branch}`,
      )
    }
  }
  settleAdminDir(workspace, branch, captured.finalIndex)
  return { branch, commit, changed: commit !== tip }
}

async function commitToDeliver(
  workspace: Workspace,
  captured: CapturedTree,
  request: DeliverRequest & { readonly tip: string | null },
): Promise<string> {
  const options = privately(workspace, { signal: request.signal })
  const { tip } = request
  const treeOf = (commit: string) => gitOrNull(['rev-parse', '--verify', '--quiet', `${commit}^{tree}`], options)
  if (tip !== null && (await treeOf(tip)) === captured.treeId && (await isAncestor(captured.headSha, tip, options)))
    return tip
  const head = captured.headSha ?? tip ?? workspace.baseSha
  // work that the agent left on the branch before it went elsewhere stays in its history
  const other = tip !== null && head !== null && !(await isAncestor(tip, head, options)) ? tip : null
  if (head !== null && other === null && (await treeOf(head)) === captured.treeId) return head
  const parents = [head, other].filter((parent) => parent !== null).flatMap((parent) => ['-p', parent])
  const input = `${request.message.trimEnd()}\n\nCapstan-Task: ${workspace.taskId}\n`
  return git(['commit-tree', ...signArgs(request.author), captured.treeId, ...parents], {
    ...options,
    author: request.author,
    input,
  })
}

async function isAncestor(older: string | null, newer: string, options: Parameters<typeof git>[1]): Promise<boolean> {
  if (older === null) return true
  return (await runGit(['merge-base', '--is-ancestor', older, newer], options)).code === 0
}

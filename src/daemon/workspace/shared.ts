// The registered checkout itself as workspace: one attempt at a time, and what was dirty before is not the agent's work.

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { git, gitOrNull, longGitMs } from '../../lib/git.ts'
import { hold, releaseShared } from './hold.ts'
import type { Workspace, WorkspaceRequest } from './port.ts'
import { makePrivateGit, privately, statePlaces } from './private-git.ts'
import { usableRepo } from './request.ts'
import { addAll } from './snapshot.ts'

/** Takes the checkout for this attempt and records its tree, untracked files included. Throws `in_use` naming the attempt that has it. */
export async function prepareShared(request: WorkspaceRequest): Promise<Workspace> {
  if (request.base !== null) {
    throw new Problem(
      'workspace_failed',
      `mode shared works on the checkout as it stands; drop the base ${request.base} or use mode worktree.`,
    )
  }
  const repo = await usableRepo(request)
  const places = statePlaces(request.stateDir, request.attemptId)
  mkdirSync(places.folder, { recursive: true, mode: 0o700 })
  hold(repo.gitDir, repo.path, request.attemptId)
  try {
    await makePrivateGit(places.gitDir, repo.commonDir, request.signal)
    const at = { path: repo.path, gitDir: places.gitDir, objectDir: join(repo.commonDir, 'objects') }
    const options = privately(at, { indexFile: places.baseIndex, signal: request.signal, timeoutMs: longGitMs })
    rmSync(places.baseIndex, { force: true })
    await git(['read-tree', repo.headSha], options)
    const { notices } = await addAll(at, places.baseIndex, request.signal)
    const baseTree = await git(['write-tree'], options)
    await keepBase(request, { ...at, commonDir: repo.commonDir, headSha: repo.headSha, baseTree })
    const { mode, taskId, attemptId, n } = request
    const { path, commonDir, branch, headSha, gitDir } = repo
    const own = {
      ...at,
      baseIndex: places.baseIndex,
      carried: [],
      notices: [...repo.notices.filter(concernsShared), ...notices],
    }
    return {
      mode,
      taskId,
      attemptId,
      n,
      root: null,
      branch,
      baseSha: headSha,
      baseTree,
      repoPath: path,
      commonDir,
      adminDir: gitDir,
      ...own,
    }
  } catch (error) {
    releaseShared({ adminDir: repo.gitDir, attemptId: request.attemptId })
    throw error
  }
}

function concernsShared(notice: string): boolean {
  return !/not carried into a worktree|in a worktree/.test(notice)
}

interface Base {
  readonly path: string
  readonly gitDir: string
  readonly objectDir: string
  readonly commonDir: string
  readonly headSha: string
  readonly baseTree: string
}

/** A commit of the checkout as it was found: what the user had not committed can be brought back, whatever the agent does. */
async function keepBase(request: WorkspaceRequest, base: Base): Promise<void> {
  const ref = `refs/capstan/checkpoints/${request.taskId}/${request.n}.base`
  const at = { cwd: base.commonDir, gitDir: base.commonDir, signal: request.signal }
  if ((await gitOrNull(['rev-parse', '--verify', '--quiet', `${ref}^{tree}`], at)) === base.baseTree) return
  const message = `Checkout before ${request.taskId}, attempt ${request.n}\n`
  const commit = await git(['commit-tree', base.baseTree, '-p', base.headSha], {
    ...privately(base),
    input: message,
    signal: request.signal,
  })
  await git(['update-ref', '--no-deref', ref, commit], at)
}

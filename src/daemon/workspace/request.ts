// The repository a request names, looked at and found usable.

import { Problem } from '../../core/problem.ts'
import type { UsableRepo } from '../repos/inspect.ts'
import { inspectRepo } from '../repos/inspect.ts'
import { movedGitFolder } from '../repos/survey.ts'
import type { WorkspaceRequest } from './port.ts'

/** Throws `workspace_failed` with the sentence that says what is wrong with it, or that a repository is needed. */
export async function usableRepo(request: WorkspaceRequest, notices: 'now' | 'later' = 'now'): Promise<UsableRepo> {
  if (request.repo === null) {
    throw new Problem(
      'workspace_failed',
      `workspace mode ${request.mode} needs a repository; name one with --repo, or use mode scratch.`,
    )
  }
  const found = await inspectRepo(request.repo.path, { signal: request.signal, notices })
  if (!found.usable) throw new Problem('workspace_failed', found.problem)
  const { commonDir, path } = request.repo
  const moved = commonDir === undefined ? null : movedGitFolder({ path, commonDir }, found)
  if (moved !== null) throw new Problem('workspace_failed', moved)
  return found
}

// An empty folder as workspace, with a git folder of the daemon's own so that a tree and a diff exist there too.

import { mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { writeFileAtomic } from '../../lib/atomic-file.ts'
import { folderCandidates } from './branch.ts'
import { emptyIndex, emptyTree } from './index-file.ts'
import type { Intent } from './intent.ts'
import { claimEmpty } from './intent.ts'
import type { Workspace, WorkspaceRequest } from './port.ts'
import { makePrivateGit, statePlaces } from './private-git.ts'

/** Makes the folder; its base is the empty tree. */
export async function prepareScratch(request: WorkspaceRequest): Promise<Workspace> {
  if (request.base !== null) {
    throw new Problem(
      'workspace_failed',
      `mode scratch starts empty; drop the base ${request.base} or use mode worktree.`,
    )
  }
  const places = statePlaces(request.stateDir, request.attemptId)
  mkdirSync(places.folder, { recursive: true, mode: 0o700 })
  await makePrivateGit(places.gitDir, null, request.signal)
  mkdirSync(join(request.root, 'scratch'), { recursive: true, mode: 0o700 })
  const folder = realpathSync(join(request.root, 'scratch'))
  const name = folderCandidates(request).find((candidate) => claimEmpty(join(folder, candidate)))
  if (name === undefined) {
    throw new Problem(
      'workspace_failed',
      `all folder names for ${request.taskId} are taken in ${folder}; move what is there away.`,
    )
  }
  const at = { path: join(folder, name), gitDir: places.gitDir, objectDir: join(places.gitDir, 'objects') }
  const intent: Intent = { commonDir: null, path: at.path, branch: null, baseSha: null }
  writeFileAtomic(places.intent, JSON.stringify(intent))
  writeFileSync(places.baseIndex, emptyIndex(), { mode: 0o600 }) // as git would: two starts of it less for the agent to wait for
  const { mode, taskId, attemptId, n } = request
  const none = {
    branch: null,
    baseSha: null,
    repoPath: null,
    commonDir: null,
    adminDir: null,
    carried: [],
    notices: [],
  }
  return {
    mode,
    taskId,
    attemptId,
    n,
    root: realpathSync(request.root),
    baseTree: emptyTree,
    baseIndex: places.baseIndex,
    ...at,
    ...none,
  }
}

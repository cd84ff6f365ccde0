// Writes into the agent's side of a worktree (HEAD, index) without following what it may have put there.

import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomic } from '../../lib/atomic-file.ts'
import type { Workspace } from './port.ts'
import { copyIndex, realOrNull } from './private-git.ts'

/** Puts HEAD on the branch and makes the index that of the final tree. False when the worktree's data is gone or was swapped. */
export function settleAdminDir(workspace: Workspace, branch: string, finalIndex: string): boolean {
  const { adminDir } = workspace
  if (adminDir === null || realOrNull(adminDir) !== adminDir) return false
  writeFileAtomic(join(adminDir, 'HEAD'), `ref: refs/heads/${branch}\n`, 0o644)
  if (!existsSync(finalIndex)) return false
  const beside = join(adminDir, 'index.capstan')
  rmSync(beside, { recursive: true, force: true })
  copyIndex(finalIndex, beside)
  renameSync(beside, join(adminDir, 'index')) // a rename replaces a link instead of following it
  return true
}

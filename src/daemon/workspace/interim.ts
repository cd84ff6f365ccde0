// Checkpoints while the agent works: everything in the workspace as it is at that moment, without the evidence that the end needs.

import { rmSync } from 'node:fs'
import { withLock } from '../../lib/lock.ts'
import type { CaptureRequest, WorkspaceState } from './capture.ts'
import { captureLock, lookAt } from './capture.ts'
import { writeCheckpoint } from './checkpoint.ts'
import { mayLookNow } from './confined.ts'
import { keepChangedCopies } from './copies.ts'
import type { Workspace } from './port.ts'

/**
 * Keeps what is in the workspace now; null when it is as it was at the start. Returns the checkpoint's commit, the same one when nothing
 * changed since. Aborting it leaves the workspace free at once and never harms the checkpoint that is there. Throws as `capture` does.
 */
export function keepInterim(workspace: Workspace, request: CaptureRequest): Promise<string | null> {
  if (!mayLookNow(workspace)) return Promise.resolve(null)
  return withLock(captureLock(workspace), { signal: request.signal }, () => keepAlone(workspace, request))
}

async function keepAlone(workspace: Workspace, request: CaptureRequest): Promise<string | null> {
  const indexFile = `${workspace.baseIndex}.interim`
  const scratch = [indexFile, `${workspace.baseIndex}.staged`, `${workspace.baseIndex}.nested`]
  const clear = () => {
    for (const file of scratch) for (const each of [file, `${file}.lock`]) rmSync(each, { force: true })
  }
  try {
    clear()
    const state = await lookAt(workspace, indexFile, request.signal)
    if (!isDirty(workspace, state)) return null
    // not abortable: a git that is ended while it moves a ref leaves the ref locked
    const { commit } = await writeCheckpoint(workspace, state, { ...request, signal: undefined })
    keepChangedCopies(workspace)
    return commit
  } finally {
    clear() // also what an aborted git left: the final capture uses the same names
  }
}

function isDirty(workspace: Workspace, state: WorkspaceState): boolean {
  const { treeId, head, staged, nested } = state
  if (treeId !== workspace.baseTree || head.sha !== workspace.baseSha) return true
  return (staged !== null && staged !== workspace.baseTree) || nested.some((repo) => !repo.unchanged)
}

// What is done in a prepared workspace before its agent starts: setup, what it goes on with, what does not count, and what it is given.

import { join } from 'node:path'
import type { RunDeps } from './deps.ts'
import { goOn } from './earlier.ts'
import { endCommands, subfolderOf } from './finish.ts'
import { fetchAttachments } from './given.ts'
import { holdConfig } from './own-config.ts'
import type { RunRecord } from './record.ts'
import { setUp } from './setup.ts'

interface Readying {
  readonly signal: AbortSignal
  /** A daemon that was killed may have begun it. */
  readonly again: boolean
}

/** Throws `RunRefused` when something of it cannot be had, or the signal's reason. */
export async function readyWorkspace(deps: RunDeps, record: RunRecord, { signal, again }: Readying): Promise<void> {
  await prepareFiles(deps, record, { signal, again })
  await takeUp(deps, record, signal)
  await fetchAttachments(deps, record.state.assignment, record.runDir)
}

/** Where in the workspace the agent works. */
export function cwdOf(record: RunRecord): string {
  const { path } = record.prepared().workspace
  const subfolder = subfolderOf(record.state)
  return subfolder === null ? path : join(path, subfolder)
}

/** Setup, alone in the workspace, and a look at what it left: that is not the agent's change. */
async function prepareFiles(deps: RunDeps, record: RunRecord, { signal, again }: Readying): Promise<void> {
  if (again) await endCommands(deps, record.state)
  const baseTree = await setUp(deps, record, { signal, again })
  const { workspace } = record.prepared()
  if (baseTree === null || baseTree === workspace.baseTree) return
  record.save({ workspace: { ...workspace, baseTree } })
  record.notice(["setup left files that git does not ignore; they do not count as the agent's change"])
}

/** What the agent goes on with, and what does not count. Decided once: a conversation that was copied has an id of its own. */
async function takeUp(deps: RunDeps, record: RunRecord, signal: AbortSignal): Promise<void> {
  const { state } = record
  const where = { cwd: cwdOf(record), subfolder: subfolderOf(state), signal }
  if (state.resumed === null && state.assignment.continuation != null) await goOn(deps, record, where)
  await holdConfig(deps, record, where)
}

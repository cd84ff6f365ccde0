// What a run that goes on from earlier work takes from it: where its files begin, and the conversation.

import { cpSync, existsSync, lstatSync } from 'node:fs'
import { join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import type { Assignment } from '../../protocol/link.ts'
import type { Continuation } from '../../protocol/session.ts'
import { readEndRecord } from '../gc/end-record.ts'
import { makeKeptHome } from '../sandbox/homes.ts'
import { conversationHome } from '../session/conversation-home.ts'
import { resume } from '../session/resume.ts'
import { treeNow } from '../workspace/capture.ts'
import type { Earlier } from '../workspace/continued.ts'
import type { Workspace } from '../workspace/port.ts'
import { preparedWorkspace } from '../workspace/prepare.ts'
import type { RunDeps } from './deps.ts'
import type { RunRecord } from './record.ts'

/** For the workspace; null: it begins at its base. */
export function earlierWork(deps: RunDeps, { continuation, n, attemptId }: Assignment): Earlier | null {
  if (continuation === null || continuation === undefined) return null
  const patch = async () => {
    const { diffCid } = continuation
    return diffCid === null ? null : fetchOrNull(deps, attemptId, diffCid)
  }
  const isAtWork = (other: string) => {
    const runDir = join(deps.state.runs, other)
    return other !== attemptId && existsSync(runDir) && readEndRecord(runDir) === null
  }
  return { work: continuation, n, patch, author: deps.author, root: deps.state.workspaces, isAtWork }
}

async function fetchOrNull(deps: RunDeps, attemptId: string, cid: string): Promise<Uint8Array | null> {
  try {
    return await deps.fetch(attemptId, cid)
  } catch (error) {
    if (error instanceof Problem && error.code === 'not_found') return null
    throw error
  }
}

interface Where {
  /** Where the agent works. */
  readonly cwd: string
  readonly subfolder: string | null
  readonly signal: AbortSignal
}

/** Gets files and conversation of the earlier run, and keeps what was found. Throws `RunRefused` with `not_resumable`. */
export async function goOn(deps: RunDeps, record: RunRecord, { cwd, subfolder, signal }: Where): Promise<void> {
  const { assignment } = record.state
  const { continuation, attemptId } = assignment
  if (continuation === null) return
  const { workspace, harness } = record.prepared()
  if (carryScratch(deps, workspace, continuation)) {
    record.save({ workspace: { ...workspace, baseTree: await treeNow(workspace, signal) } })
  }
  const drift = [...(workspace.drift ?? []), ...(await leftBehind(deps, { continuation, workspace, signal }))]
  const fetch = (cid: string) => deps.fetch(attemptId, cid)
  const host = deps.probe()
  const stateDir = deps.state.dir
  const { user } = deps.sandbox
  const home = conversationHome(stateDir, workspace)
  if (home !== null) makeKeptHome(home, user)
  const where = { host, stateDir, workspace, cwd, subfolder, user }
  const resumed = await resume({ continuation, harness, fetch, drift, ...where })
  record.save({ resumed })
  record.notice(resumed.notices)
}

interface Before {
  readonly continuation: Continuation
  readonly workspace: Workspace
  readonly signal: AbortSignal
}

/** Files that somebody changed in the earlier folder after its run: they are kept there, and are not part of this run. */
async function leftBehind(deps: RunDeps, { continuation, workspace, signal }: Before): Promise<readonly string[]> {
  const before = preparedWorkspace(deps.state.dir, continuation.attemptId)
  if (before === null || before.mode !== 'worktree' || continuation.treeId === null || !existsSync(before.path))
    return []
  const tree = await treeNow(before, signal).catch((error: unknown) => {
    if (error instanceof Problem) return continuation.treeId // it cannot be read any more: nothing can be said of it
    throw error
  })
  if (tree === continuation.treeId || before.path === workspace.path) return []
  return [`files in ${before.path} were changed after the earlier run; they are not part of this one`]
}

/** A scratch folder goes on with the files of the one before, where that is on this host. False: there is nothing. */
function carryScratch(deps: RunDeps, workspace: Workspace, continuation: Continuation): boolean {
  const before = preparedWorkspace(deps.state.dir, continuation.attemptId)
  if (workspace.mode !== 'scratch' || before?.mode !== 'scratch' || !existsSync(before.path)) return false
  // Pipes and sockets are not work, and would end the copying.
  const isWork = (path: string) => {
    const found = lstatSync(path)
    return !path.endsWith('/.git') && (found.isFile() || found.isDirectory() || found.isSymbolicLink())
  }
  cpSync(before.path, workspace.path, { recursive: true, verbatimSymlinks: true, filter: isWork })
  return true
}

// One door to all modes: a workspace that was prepared is given again, one that was half prepared is begun anew.

import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { z } from 'zod'
import { readFileIfThere, writeFileAtomic } from '../../lib/atomic-file.ts'
import { isInside } from '../repos/registry.ts'
import type { Intent } from './intent.ts'
import { undo } from './intent.ts'
import type { Workspace, WorkspaceRequest } from './port.ts'
import { realOrNull, statePlaces } from './private-git.ts'
import { prepareScratch } from './scratch.ts'
import { prepareShared } from './shared.ts'
import { prepareWorktree } from './worktree.ts'

const intentShape = z.object({
  commonDir: z.string().nullable(),
  path: z.string(),
  branch: z.string().nullable(),
  baseSha: z.string().nullable(),
})

/**
 * Makes the workspace of an attempt, or gives the one it has. Safe to call again with the same request after a crash at any point: no agent
 * has run before it returns. Throws `workspace_failed` (or `in_use` for a shared checkout) and leaves nothing behind.
 */
export async function prepare(request: WorkspaceRequest): Promise<Workspace> {
  const places = statePlaces(request.stateDir, request.attemptId)
  const before = preparedWorkspace(request.stateDir, request.attemptId)
  if (before !== null && existsSync(before.path)) return before
  mkdirSync(request.root, { recursive: true, mode: 0o700 })
  const left = readIntent(places.intent)
  if (left !== null && isInside(realOrNull(request.root) ?? request.root, left.path)) await undo(left)
  try {
    const workspace = await prepareByMode(request)
    writeFileAtomic(places.done, JSON.stringify(workspace))
    return workspace
  } catch (error) {
    const failed = readIntent(places.intent)
    if (failed !== null) await undo(failed)
    rmSync(places.folder, { recursive: true, force: true })
    throw error
  }
}

/** The workspace as it was prepared, or null. */
function preparedWorkspace(stateDir: string, attemptId: string): Workspace | null {
  const text = readFileIfThere(statePlaces(stateDir, attemptId).done)
  return text === null ? null : (JSON.parse(text) as Workspace) // written whole by prepare, in a folder only the daemon reaches
}

function readIntent(path: string): Intent | null {
  const text = readFileIfThere(path)
  return text === null ? null : intentShape.parse(JSON.parse(text))
}

function prepareByMode(request: WorkspaceRequest): Promise<Workspace> {
  switch (request.mode) {
    case 'worktree':
      return prepareWorktree(request)
    case 'shared':
      return prepareShared(request)
    case 'scratch':
      return prepareScratch(request)
  }
}

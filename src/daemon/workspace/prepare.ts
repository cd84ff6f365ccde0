// One door to all modes: a workspace that was prepared is given again, one that was half prepared is begun anew.

import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { readFileIfThere, writeFileAtomic } from '../../lib/atomic-file.ts'
import { isInside } from '../repos/registry.ts'
import { makeClone } from './clone.ts'
import { readIntent, undo } from './intent.ts'
import type { StatePlaces, Workspace, WorkspaceRequest } from './port.ts'
import { realOrNull, statePlaces } from './private-git.ts'
import { prepareScratch } from './scratch.ts'
import { prepareShared } from './shared.ts'
import { dropTaken } from './warm-take.ts'
import { prepareWorktree } from './worktree.ts'

/**
 * Makes the workspace of an attempt, or gives the one it has. Safe to call again with the same request after a crash at any point: no agent
 * has run before it returns. Throws `workspace_failed` (or `in_use` for a shared checkout) and leaves nothing behind.
 */
export async function prepare(request: WorkspaceRequest): Promise<Workspace> {
  const places = statePlaces(request.stateDir, request.attemptId)
  const before = preparedWorkspace(request.stateDir, request.attemptId)
  if (before !== null && existsSync(before.path)) return before
  mkdirSync(request.root, { recursive: true, mode: 0o700 })
  await takeBack(places, request.root)
  try {
    const made = await prepareByMode(request)
    const { isolatedFor, company, signal } = request
    const workspace: Workspace =
      isolatedFor === undefined
        ? made
        : {
            ...(await makeClone(made, isolatedFor, signal)),
            sandboxed: true,
            ...(company === undefined ? {} : { company }),
          }
    writeFileAtomic(places.done, JSON.stringify(workspace))
    return workspace
  } catch (error) {
    await takeBack(places, request.root)
    rmSync(places.folder, { recursive: true, force: true })
    throw error
  }
}

/** Takes back a preparation that was not finished: no agent has worked in what it made. */
export async function takeBack(places: StatePlaces, root: string): Promise<void> {
  const left = readIntent(places.intent)
  const ours = left !== null && isInside(realOrNull(root) ?? root, left.path)
  await dropTaken(places.folder, ours ? left.path : null)
  if (ours) await undo(left)
}

/** The workspace as it was prepared, or null. */
export function preparedWorkspace(stateDir: string, attemptId: string): Workspace | null {
  const text = readFileIfThere(statePlaces(stateDir, attemptId).done)
  return text === null ? null : (JSON.parse(text) as Workspace) // written whole by prepare, in a folder only the daemon reaches
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

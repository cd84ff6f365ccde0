// Who writes in a shared checkout: a file in its git folder that names the attempt.

import { linkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import type { Workspace } from './port.ts'
import { readBounded } from './private-git.ts'

function lockPath(gitDir: string): string {
  return join(gitDir, 'capstan-shared.lock')
}

function holderOf(lock: string): string | null {
  return readBounded(lock, { maxBytes: 200, links: 'refused' })?.toString('utf8').trim() ?? null
}

/**
 * Takes a checkout for an attempt; again for the same attempt is fine. Throws `in_use` naming the attempt that has it.
 * The file holds the attempt's id, not a process: the hold outlives a restart of the daemon as the agent does.
 */
export function hold(gitDir: string, checkout: string, attemptId: string): void {
  const lock = lockPath(gitDir)
  const beside = `${lock}.${attemptId}`
  writeFileSync(beside, `${attemptId}\n`)
  try {
    linkSync(beside, lock) // whole or not there, unlike a file that is made and then written
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    const holder = holderOf(lock)
    if (holder === attemptId) return
    throw new Problem(
      'in_use',
      `the checkout ${checkout} is in use by attempt ${holder ?? 'unknown'}; wait for it, or delete ${lock} if no such attempt runs.`,
    )
  } finally {
    rmSync(beside, { force: true })
  }
}

/** Gives the checkout free. Nothing happens when another attempt holds it. */
export function releaseShared(workspace: Pick<Workspace, 'adminDir' | 'attemptId'>): void {
  if (workspace.adminDir === null) return
  const lock = lockPath(workspace.adminDir)
  if (holderOf(lock) === workspace.attemptId) rmSync(lock, { force: true })
}

// What a preparation is about to make, so that a crash or a failure at any point can be taken back.

import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { readFileIfThere } from '../../lib/atomic-file.ts'
import { gitOrNull } from '../../lib/git.ts'
import { withLock } from '../../lib/lock.ts'

const intentShape = z.object({
  commonDir: z.string().nullable(),
  path: z.string(),
  branch: z.string().nullable(),
  baseSha: z.string().nullable(),
})
/** What a crash may leave behind; written before the branch and worktree are made. */
export type Intent = Readonly<z.infer<typeof intentShape>>

export function readIntent(path: string): Intent | null {
  const text = readFileIfThere(path)
  return text === null ? null : intentShape.parse(JSON.parse(text))
}

/** The lock that every change of a repository's worktrees is made under, by whatever daemon. */
export function worktreeLock(commonDir: string): string {
  return join(commonDir, 'capstan', 'lock')
}

/** True when the folder was made or was there and empty. */
export function claimEmpty(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 })
    return true
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    return lstatSync(path).isDirectory() && readdirSync(path).length === 0
  }
}

/** Takes back what a failed or interrupted preparation made: folder, registration, and the branch if it still stands at the base. */
export async function undo(intent: Intent): Promise<void> {
  const { commonDir } = intent
  if (commonDir === null || !existsSync(commonDir)) return removeFolder(intent.path)
  await withLock(worktreeLock(commonDir), {}, () => undoLocked(intent))
}

/** As `undo`, by a caller that holds the lock. */
export async function undoLocked(intent: Intent): Promise<void> {
  await removeFolder(intent.path)
  if (intent.commonDir === null) return
  const at = { cwd: intent.commonDir, gitDir: intent.commonDir } // no signal: cleaning up is done when the run was aborted too
  await gitOrNull(['worktree', 'remove', '-f', '-f', '--', intent.path], at)
  if (intent.branch === null || intent.baseSha === null) return
  await gitOrNull(['update-ref', '--no-deref', '-d', `refs/heads/${intent.branch}`, intent.baseSha], at)
}

async function removeFolder(path: string): Promise<void> {
  rmSync(path, { recursive: true, force: true })
}

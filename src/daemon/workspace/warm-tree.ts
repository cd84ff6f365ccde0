// Ready worktrees: for large repositories a few clean checkouts wait, because making one takes seconds and changing one does not.
//
// Each has a folder in the daemon's state with its record and index; its files lie beside the other worktrees. The record is made before
// the files are touched and removed after them, so that a crash at any point leaves something that names all there is to take away.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { readFileIfThere, writeFileAtomic } from '../../lib/atomic-file.ts'
import { withLock } from '../../lib/lock.ts'
import { isInside } from '../repos/registry.ts'
import { worktreeLock } from './intent.ts'
import { readBounded, realOrNull } from './private-git.ts'
import { removeTree } from './tree.ts'

const record = z.object({
  /** `cleaning`: being made, or left so by a crash. `ready`: may be taken. */
  state: z.enum(['cleaning', 'ready']),
  /** Where its files are; `cleaning`: where they go. */
  path: z.string(),
  /** The root that Capstan made; the files are never anywhere else. */
  root: z.string(),
  commonDir: z.string(),
  adminDir: z.string(),
  /** The commit whose files are there. */
  sha: z.string(),
  /** How bytes became files: a repository with other settings by now cannot use them. */
  settings: z.string(),
  at: z.number(),
})
export type WarmRecord = z.infer<typeof record>

export interface WarmTree {
  /** The folder of its record. */
  readonly folder: string
  readonly record: WarmRecord
}

export function warmFolder(stateDir: string): string {
  return join(stateDir, 'warm')
}

/** Where a run that takes a ready worktree puts the record, until the worktree is the run's own. */
export function takenFolder(stateFolder: string): string {
  return join(stateFolder, 'warm')
}

export function warmIndex(folder: string): string {
  return join(folder, 'index')
}

/** All that there are, oldest first, also what a crash left half made. */
export function listWarm(stateDir: string): WarmTree[] {
  const folder = warmFolder(stateDir)
  const trees = namesIn(folder).map((name) => readWarm(join(folder, name)))
  return trees.filter((tree) => tree !== null).sort((a, b) => a.record.at - b.record.at)
}

/** Null: no record, or one that a crash of the host cut; then nothing is known to be ours. */
export function readWarm(folder: string): WarmTree | null {
  const text = readFileIfThere(join(folder, 'warm.json'))
  if (text === null) return null
  try {
    const read = record.safeParse(JSON.parse(text))
    return read.success ? { folder, record: read.data } : null
  } catch {
    return null
  }
}

export function writeWarm(folder: string, of: WarmRecord): void {
  writeFileAtomic(join(folder, 'warm.json'), JSON.stringify(of))
}

/** What decides about line ends and the like in a private git folder. */
export function settingsText(gitDir: string): string {
  return ['config', 'info/attributes'].map((name) => readFileIfThere(join(gitDir, name)) ?? '').join('\0')
}

/** Points a worktree and git's data of it at each other, as they were made; what an agent put in between is gone. */
export function joinAdminDir(path: string, adminDir: string): void {
  rmSync(join(path, '.git'), { recursive: true, force: true })
  writeFileSync(join(path, '.git'), `gitdir: ${adminDir}\n`)
  writeFileAtomic(join(adminDir, 'gitdir'), `${join(path, '.git')}\n`, 0o644)
}

/**
 * Takes a ready worktree away, or what is left of one: files, registration, record. Everything that was ever in it is kept elsewhere.
 * `also`: another place where its files may be, when a crash came while they were moved.
 */
export async function discardWarm(tree: WarmTree, also: string | null = null): Promise<void> {
  const { path, root, commonDir, adminDir } = tree.record
  const places = [path, also].filter((place) => place !== null)
  for (const place of places) {
    if (isInside(root, place) && place !== root && realOrNull(dirname(place)) === dirname(place))
      await removeTree(place)
  }
  if (realOrNull(commonDir) === commonDir) {
    await withLock(worktreeLock(commonDir), {}, async () => {
      if (pointsAtOneOf(adminDir, commonDir, places)) await removeTree(adminDir)
    })
  }
  await removeTree(tree.folder)
}

/** A name in git's data may be another worktree's by now: only one that points at these places is ours. */
function pointsAtOneOf(adminDir: string, commonDir: string, places: readonly string[]): boolean {
  if (dirname(adminDir) !== join(commonDir, 'worktrees') || realOrNull(adminDir) !== adminDir) return false
  const pointer = readBounded(join(adminDir, 'gitdir'), { maxBytes: 4_096, links: 'refused' })?.toString('utf8').trim()
  return places.some((place) => pointer === join(place, '.git'))
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

/** True when the worktree's files say that they belong to this data of git's. */
export function belongsTo(path: string, adminDir: string): boolean {
  if (realOrNull(path) !== path || realOrNull(adminDir) !== adminDir) return false
  return readFileSync(join(path, '.git'), 'utf8').trim() === `gitdir: ${adminDir}`
}

// Gives a ready worktree to a run: the record changes hands by one rename, then the files get their place, branch and commit.

import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Problem } from '../../core/problem.ts'
import { writeFileAtomic } from '../../lib/atomic-file.ts'
import { git, longGitMs } from '../../lib/git.ts'
import type { UsableRepo } from '../repos/inspect.ts'
import { isInside } from '../repos/registry.ts'
import type { Intent } from './intent.ts'
import type { StatePlaces, WorkspaceRequest } from './port.ts'
import { privately } from './private-git.ts'
import { isDirty, resetAndClean } from './warm-make.ts'
import type { WarmTree } from './warm-tree.ts'
import {
  belongsTo,
  discardWarm,
  joinAdminDir,
  listWarm,
  readWarm,
  settingsText,
  takenFolder,
  warmIndex,
} from './warm-tree.ts'

export interface Wanted {
  readonly request: WorkspaceRequest
  readonly repo: UsableRepo
  readonly baseSha: string
  readonly places: StatePlaces
}

/**
 * Takes one of the repository's ready worktrees for this run alone; null when there is none that fits. Two runs never get the same one, also of
 * two processes: its record can be renamed once.
 */
export async function takeWarm({ request, repo, baseSha, places }: Wanted): Promise<WarmTree | null> {
  const settings = settingsText(places.gitDir)
  const ready = listWarm(request.stateDir).filter(
    ({ record }) =>
      record.state === 'ready' && record.commonDir === repo.commonDir && isInside(request.root, record.path),
  )
  // one that stands at the commit already needs no change of files
  const best = [...ready].sort((a, b) => Number(b.record.sha === baseSha) - Number(a.record.sha === baseSha))
  for (const tree of best) {
    const taken = claim(tree, places)
    if (taken === null) continue
    if (taken.record.settings === settings && belongsTo(taken.record.path, taken.record.adminDir)) return taken
    await discardWarm(taken)
  }
  return null
}

function claim({ folder }: WarmTree, places: StatePlaces): WarmTree | null {
  const to = takenFolder(places.folder)
  try {
    renameSync(folder, to)
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTEMPTY'))
      return null
    throw error // another run had it
  }
  return readWarm(to)
}

/**
 * Moves the files to the run's empty folder and puts its new branch there. To be called with the repository's lock held, after the intent is
 * written. Throws `workspace_failed` when the branch came into being meanwhile.
 */
export async function settleWarm(tree: WarmTree, intent: Intent): Promise<void> {
  const { adminDir, commonDir, path } = tree.record
  const { branch, baseSha } = intent
  if (branch === null || baseSha === null) throw new Error('a worktree has a branch and a base')
  const nobody = '0'.repeat(baseSha.length)
  const ref = `refs/heads/${branch}`
  await git(['update-ref', '--no-deref', '-m', 'capstan: start', ref, baseSha, nobody], {
    cwd: commonDir,
    gitDir: commonDir,
  })
  writeFileAtomic(join(adminDir, 'HEAD'), `ref: ${ref}\n`, 0o644)
  renameSync(path, intent.path) // over the empty folder that was made for it
  joinAdminDir(intent.path, adminDir)
  writeFileSync(join(adminDir, 'locked'), `capstan run ${basename(dirname(tree.folder))}`)
}

/**
 * Brings the files from the commit they were made of to the run's: only what differs is written. A worktree that somebody touched while it
 * waited is cleaned again first. The index ends up as the run's base index.
 */
export async function fillWarm(
  tree: WarmTree,
  wanted: Wanted,
  place: { path: string; gitDir: string; objectDir: string },
): Promise<void> {
  const { baseSha, places, request } = wanted
  const { signal } = request
  const indexFile = warmIndex(tree.folder)
  if (await isDirty(place, indexFile, signal)) {
    await resetAndClean(place, { indexFile, sha: baseSha, signal })
  } else if (tree.record.sha !== baseSha) {
    const options = privately(place, { indexFile, signal, timeoutMs: longGitMs })
    await git(['read-tree', '-m', '-u', tree.record.sha, baseSha], options)
  }
  renameSync(indexFile, places.baseIndex)
}

/** What a run that died while it took a ready worktree left: all of it goes. `path`: where the files may have been moved to. */
export async function dropTaken(stateFolder: string, path: string | null): Promise<void> {
  const folder = takenFolder(stateFolder)
  if (!existsSync(folder)) return
  const tree = readWarm(folder)
  if (tree === null) throw new Problem('workspace_failed', `${folder} is damaged; look at it and delete it.`)
  await discardWarm(tree, path)
}

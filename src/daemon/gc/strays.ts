// Folders in the root for workspaces that no record names: told and kept, because nothing says what is in them.

import { readdirSync, rmdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readIntent } from '../workspace/intent.ts'
import { realOrNull, statePlaces } from '../workspace/private-git.ts'
import { bytesOf } from '../workspace/tree.ts'
import { listWarm, readWarm, takenFolder } from '../workspace/warm-tree.ts'
import type { Job } from './job.ts'
import { findLeftovers, folderNames, stateDirs } from './leftovers.ts'

/** A preparation makes its folder right before it writes down that it did, ms. */
const justMadeMs = 3_600_000

export async function tellStrays(job: Job): Promise<void> {
  const root = realOrNull(job.root)
  if (root === null) return
  const known = knownPlaces(job)
  for (const repo of folderNames(root)) {
    for (const name of folderNames(join(root, repo))) {
      const path = join(root, repo, name)
      const born = statSync(path, { throwIfNoEntry: false })?.mtimeMs
      if (known.has(path) || born === undefined || job.clock.now() - born < justMadeMs) continue
      const item = { kind: 'workspace', path, attemptId: null } as const
      if (readdirSync(path).length > 0) {
        const why = 'no record says what it is; look at it, then delete it'
        job.ledger.kept({ ...item, bytes: await bytesOf(path), why })
        continue
      }
      if (!job.dryRun) rmdirSync(path)
      job.ledger.removed({ ...item, bytes: 0, why: 'empty' })
    }
  }
}

function intentPath(path: string): string | null {
  try {
    return readIntent(path)?.path ?? null
  } catch {
    return null // damaged: what it named is then told as a folder without a record
  }
}

/** Where any run, begun run or ready worktree of this host has, or will have, its files; as things are now. */
export function knownPlaces(job: Pick<Job, 'dataDir'>): ReadonlySet<string> {
  const known = new Set<string>()
  const { leftovers, needed } = findLeftovers(job.dataDir)
  for (const { workspace, stateDir, attemptId } of [...leftovers, ...needed]) {
    if (workspace !== null) known.add(workspace.path)
    const places = statePlaces(stateDir, attemptId)
    const intent = intentPath(places.intent)
    if (intent !== null) known.add(intent)
    const taken = readWarm(takenFolder(places.folder))
    if (taken !== null) known.add(taken.record.path)
  }
  for (const stateDir of stateDirs(job.dataDir)) for (const { record } of listWarm(stateDir)) known.add(record.path)
  return known
}

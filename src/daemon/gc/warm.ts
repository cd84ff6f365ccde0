// Ready worktrees that are too many, too old, half made, or of a repository that is gone.

import { existsSync, renameSync } from 'node:fs'
import { bytesOf } from '../workspace/tree.ts'
import type { WarmTree } from '../workspace/warm-tree.ts'
import { discardWarm, listWarm, readWarm, writeWarm } from '../workspace/warm-tree.ts'
import type { Job } from './job.ts'
import { stateDirs } from './leftovers.ts'

/** `short`: why all of them go. */
export async function clearWarm(job: Job, short: string | null = null): Promise<void> {
  for (const stateDir of stateDirs(job.dataDir)) {
    const seen = new Map<string, number>()
    for (const tree of listWarm(stateDir).reverse()) {
      job.signal?.throwIfAborted()
      const { commonDir } = tree.record
      seen.set(commonDir, (seen.get(commonDir) ?? 0) + 1)
      const why = short ?? whyGone(job, tree, seen.get(commonDir) ?? 0)
      if (why !== null && job.enough?.() !== true) await drop(job, tree, why)
    }
  }
}

function whyGone({ retention, olderThanMs, clock }: Job, { record }: WarmTree, rank: number): string | null {
  if (record.state === 'cleaning') return 'left half made'
  if (!existsSync(record.commonDir)) return 'its repository is gone'
  if (rank > retention.warm) return `more than ${retention.warm} of one repository`
  return clock.now() - record.at >= (olderThanMs ?? retention.warmMs) ? 'no run took it' : null
}

async function drop(job: Job, tree: WarmTree, why: string): Promise<void> {
  const bytes = (await bytesOf(tree.record.path)) + (await bytesOf(tree.folder))
  const item = { kind: 'warm', path: tree.record.path, attemptId: null, bytes, why } as const
  if (job.dryRun) return job.ledger.removed(item)
  const mine = `${tree.folder}.old`
  try {
    if (!tree.folder.endsWith('.old')) renameSync(tree.folder, mine)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return // a run took it meanwhile
    throw error
  }
  const taken = readWarm(existsSync(mine) ? mine : tree.folder)
  if (taken === null) return
  writeWarm(taken.folder, { ...taken.record, state: 'cleaning' }) // from here on nobody may take it
  await discardWarm(taken)
  job.ledger.removed(item)
}

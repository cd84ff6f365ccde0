// What setups left for later runs, and package stores: gone when no run used them for long, and early when the disk is short.

import { existsSync, readdirSync, rmdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { listLayers, removeLayer, setupsIn } from '../setup/layers.ts'
import { storesIn } from '../setup/package-stores.ts'
import { bytesOf, removeTree } from '../workspace/tree.ts'
import type { Job } from './job.ts'
import { folderNames } from './leftovers.ts'

/** A setup that no run used for a week is of a branch that nobody works on. */
const layerMs = 168 * 3_600_000
/** A store is dearer to fill anew, and serves every state of the repository. */
const storeMs = 720 * 3_600_000
/** A setup may be filling what was used so lately, ms. */
const busyMs = 3_600_000

/** `short`: why all go that are not in use, the one that was used longest ago first. */
export async function clearSetups(job: Job, short: string | null = null): Promise<void> {
  const found = [...layersOf(job), ...storesFound(job)].sort((a, b) => a.usedAt - b.usedAt)
  for (const each of found) {
    job.signal?.throwIfAborted()
    if (job.enough?.() === true) return
    const idleMs = job.clock.now() - each.usedAt
    const due = idleMs >= (job.olderThanMs ?? each.keepMs) || (short !== null && idleMs >= busyMs)
    if (!due) continue
    const bytes = await each.bytes()
    if (!job.dryRun && !(await each.remove())) continue
    job.ledger.removed({ kind: each.kind, path: each.path, attemptId: null, bytes, why: short ?? 'no run used it' })
  }
}

interface Clearable {
  readonly kind: 'setup' | 'cache'
  readonly path: string
  readonly usedAt: number
  readonly keepMs: number
  bytes(): Promise<number>
  /** False: a run is at it, and it stays. */
  remove(): Promise<boolean>
}

function layersOf({ dataDir, signal }: Job): Clearable[] {
  return reposIn(setupsIn(dataDir)).flatMap((folder) =>
    listLayers(folder).map(({ place, bytes, usedAt }) => ({
      kind: 'setup' as const,
      path: join(folder, place.key),
      usedAt,
      keepMs: layerMs,
      bytes: async () => bytes,
      remove: async () => {
        const removed = await removeLayer(place, signal)
        if (removed && readdirSync(folder).length === 0) rmdirSync(folder)
        return removed
      },
    })),
  )
}

function storesFound({ dataDir }: Job): Clearable[] {
  return reposIn(storesIn(dataDir)).flatMap((folder) =>
    folderNames(folder).map((name) => {
      const path = join(folder, name)
      return {
        kind: 'cache' as const,
        path,
        usedAt: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0,
        keepMs: storeMs,
        bytes: () => bytesOf(path),
        remove: () => removeTree(path).then(() => true),
      }
    }),
  )
}

/** `<root>/<team>/<repository>` for all of them. */
function reposIn(root: string): string[] {
  if (!existsSync(root)) return []
  return folderNames(root).flatMap((team) => folderNames(join(root, team)).map((repo) => join(root, team, repo)))
}

// The clean-up: removes by state and age what Capstan made on this host, and nothing that is not proved to be kept elsewhere.

import { join } from 'node:path'
import { messageOf } from '../../lib/error-text.ts'
import { withLock } from '../../lib/lock.ts'
import { listProcesses } from '../../lib/proc.ts'
import { worthWarming } from '../workspace/warm-make.ts'
import { dropArtifacts } from './artifacts.ts'
import { clearConversations } from './conversations.ts'
import { clearFinished } from './finished.ts'
import type { CleanUp, Job } from './job.ts'
import { warmTerms } from './job.ts'
import type { Leftover } from './leftovers.ts'
import { findLeftovers } from './leftovers.ts'
import type { GcReport } from './report.ts'
import { Ledger } from './report.ts'
import { clearBranches, clearRegistrations } from './repositories.ts'
import { clearSetups } from './setups.ts'
import { tellStrays } from './strays.ts'
import { clearWarm } from './warm.ts'

const defaultWaitMs = 60_000

/** The lock that one clean-up, or one making of a ready worktree, of a data folder holds. */
export function cleanUpLock(dataDir: string): string {
  return join(dataDir, 'gc.lock')
}

/**
 * Cleans up, also while daemons run here: what they need is named in their journals and left alone. Throws `in_use` when another clean-up does
 * not end in time, or the signal's reason. What goes wrong with one thing is a reason to keep it.
 */
export function cleanUp(options: CleanUp): Promise<GcReport> {
  const lock = { signal: options.signal, timeoutMs: options.waitMs ?? defaultWaitMs }
  return withLock(cleanUpLock(options.dataDir), lock, async () => {
    const found = findLeftovers(options.dataDir)
    const processes = await listProcesses()
    const job: Job = { ...options, ledger: new Ledger(), root: join(options.dataDir, 'worktrees'), found, processes }
    for (const { stateDir, problem } of found.unread) {
      job.ledger.kept({ kind: 'state', path: stateDir, attemptId: null, bytes: 0, why: problem })
    }
    job.ledger.needed = found.needed.length
    const young = await clearDue(job)
    if (options.onlyRuns !== true) await clearTheRest(job)
    if (options.enough !== undefined) await makeRoom(job, young)
    job.ledger.waiting = young.filter((each) => !gone(job, each)).length
    return job.ledger.report(options.dryRun)
  })
}

async function clearTheRest(job: Job): Promise<void> {
  await clearWarm(job)
  await clearSetups(job)
  await clearConversations(job)
  await clearBranches(job)
  await clearRegistrations(job)
  await tellStrays(job)
}

/** Gives those that are not old enough. */
async function clearDue(job: Job): Promise<Leftover[]> {
  const young: Leftover[] = []
  for (const leftover of job.found.leftovers) {
    job.signal?.throwIfAborted()
    const why = whyDue(job, leftover)
    if (why === null) young.push(leftover)
    else await guarded(job, leftover, () => clearFinished(job, leftover, why))
  }
  return young
}

/** The disk is short: first what can be built again, then what is kept elsewhere, the oldest first, until there is enough. */
async function makeRoom(job: Job, young: readonly Leftover[]): Promise<void> {
  const enough = () => job.enough?.() === true
  for (const leftover of young) {
    if (enough()) return
    await guarded(job, leftover, () => clearArtifacts(job, leftover))
  }
  if (!enough()) await clearWarm(job, 'the disk is short')
  if (!enough()) await clearSetups(job, 'the disk is short')
  for (const leftover of young) {
    if (enough()) return
    await guarded(job, leftover, () => clearFinished(job, leftover, 'the disk is short'))
  }
}

async function clearArtifacts(job: Job, { workspace, attemptId }: Leftover): Promise<void> {
  if (workspace?.mode !== 'worktree') return
  const bytes = await dropArtifacts(workspace, job)
  const why = 'the disk is short; ignored files can be built again'
  if (bytes > 0) job.ledger.removed({ kind: 'artifacts', path: workspace.path, attemptId, bytes, why })
}

/** Null: it stays for now. */
function whyDue(job: Job, leftover: Leftover): string | null {
  const { retention, olderThanMs } = job
  const outcome = leftover.end?.outcome ?? 'failed' // without a record of a good end it is kept as long as a bad one
  const own = leftover.end?.warmMs ?? (outcome === 'completed' ? retention.completedMs : retention.failedMs)
  const keepMs = olderThanMs ?? Math.min(own, leftover.end?.keepMs ?? own)
  const ageMs = job.clock.now() - leftover.at
  if (ageMs >= keepMs) return leftover.end === null ? 'left without a record of its end' : `its run ${outcome}`
  return outcome === 'completed' && job.enough === undefined && wantsWarm(job, leftover)
    ? 'its repository is large; the next run starts in it'
    : null
}

/** In a large repository the folder of a good run is worth more to the next one than to those who look into it. */
function wantsWarm(job: Job, { workspace, stateDir }: Leftover): boolean {
  return job.olderThanMs === null && workspace !== null && worthWarming(workspace, warmTerms(job, stateDir))
}

async function guarded(job: Job, { attemptId, runDir }: Leftover, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    job.signal?.throwIfAborted()
    job.ledger.kept({ kind: 'run', path: runDir, attemptId, bytes: 0, why: messageOf(error) })
  }
}

function gone(job: Job, { attemptId }: Leftover): boolean {
  return job.ledger.names(attemptId)
}

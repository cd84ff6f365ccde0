// The leader's loop: what time alone changes (leases, grace, backoffs, quotas, expiry) is swept in small batches.

import { allDaemons, disconnectDaemon } from '../store/daemons.ts'
import { nextDue, renewAllLeases, sweep } from '../store/sweeps.ts'
import type { Plane } from './plane.ts'

/** How long a failing leader waits before it tries again, ms. */
const retryMs = 1_000
/** What is due and yet left alone by a sweep must not make the loop spin, ms. */
const shortestWaitMs = 10

/** Runs until the signal aborts. Waits for leadership first; a failure is logged and tried again. */
export async function runReaper(plane: Plane, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await plane.store.lead((leading) => reap(plane, AbortSignal.any([signal, leading])), signal)
    } catch (error) {
      if (signal.aborted) return
      plane.log.error({ err: error }, 'sweep failed')
      await pause(plane, retryMs, signal)
    }
  }
}

async function reap(plane: Plane, signal: AbortSignal): Promise<void> {
  const { store, settings, clock } = plane
  // While no server swept, no daemon could be heard: downtime does not count against a lease.
  await store.run((tx) => renewAllLeases(tx, settings.leaseTtlMs, settings.reconnectGraceMs))
  let looked = clock.monotonic()
  while (!signal.aborted) {
    const limit = settings.sweepBatch
    const swept = await store.run((tx) =>
      sweep(tx, { limit, graceMs: settings.reconnectGraceMs, policy: settings.retry }),
    )
    if (swept.total > 0) plane.log.debug(swept, 'swept')
    if (clock.monotonic() - looked >= settings.silentMs / 2) {
      looked = clock.monotonic()
      await disconnectSilent(plane, settings.silentMs)
    }
    // A full batch means that more is due.
    if (swept.total < limit) await pause(plane, await untilDue(plane), signal)
  }
}

/** A replica that died left its daemons marked as connected. Those that were not heard for `silentMs` are not. */
export async function disconnectSilent({ store }: Plane, silentMs: number): Promise<void> {
  const silent = await store.read(function* (tx) {
    return (yield* allDaemons(tx)).filter((each) => each.connectionId !== null && tx.now - each.lastSeenAt >= silentMs)
  })
  for (const { id, connectionId } of silent) {
    await store.run((tx) => disconnectDaemon(tx, id, connectionId ?? ''))
  }
}

/** ms until something is due: never more than the setting, because a claim made meanwhile may be due sooner. */
async function untilDue({ store, settings }: Plane): Promise<number> {
  const dueMs = await store.read(function* (tx) {
    const at = yield* nextDue(tx)
    return at === null ? null : at - tx.now
  })
  if (dueMs === null) return settings.sweepMaxWaitMs
  return Math.min(Math.max(dueMs, shortestWaitMs), settings.sweepMaxWaitMs)
}

async function pause({ clock }: Plane, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

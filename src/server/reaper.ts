// The leader's loop: what time alone changes (leases, grace, backoffs, quotas, expiry) is swept in small batches.

import { allDaemons, disconnectDaemon } from '../store/daemons.ts'
import type { Tx, Work } from '../store/port.ts'
import { capLeases, nextDue, renewAllLeases, shiftTimeouts, sweep } from '../store/sweeps.ts'
import { failOver, passQuota } from './failover.ts'
import { keepHouse } from './housekeeping.ts'
import type { Plane } from './plane.ts'
import type { ServerSettings } from './settings.ts'

/** How long a failing leader waits before it tries again, ms. */
const retryMs = 1_000
/** What is due and yet left alone by a sweep must not make the loop spin, ms. */
const shortestWaitMs = 10

/** Runs until the signal aborts. Waits for leadership first; a failure is logged and tried again. */
export async function runReaper(plane: Plane, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await plane.store.lead((leading) => lead(plane, AbortSignal.any([signal, leading])), signal)
    } catch (error) {
      if (signal.aborted) return
      plane.log.error({ err: error }, 'sweep failed')
      await pause(plane, retryMs, signal)
    }
  }
}

async function lead(plane: Plane, signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  const keeping = keepHouse(plane, AbortSignal.any([signal, over.signal]))
  try {
    await reap(plane, signal)
  } finally {
    over.abort()
    await keeping
  }
}

async function reap(plane: Plane, signal: AbortSignal): Promise<void> {
  const { store, settings, clock } = plane
  // While no server swept, no daemon could be heard: downtime does not count against a lease.
  await store.run((tx) => renewAllLeases(tx, settings.leaseTtlMs, settings.reconnectGraceMs))
  let looked = clock.monotonic()
  let last: Moment | null = null
  while (!signal.aborted) {
    const limit = settings.sweepBatch
    const before = last
    const { moment, ...swept } = await store.run(function* (tx) {
      const moment: Moment = { wall: tx.now, steady: clock.monotonic() }
      const jumpedMs = jumped(before, moment)
      if (Math.abs(jumpedMs) >= jumpMs(settings)) yield* forgiveJump(tx, plane, jumpedMs)
      const swept = yield* sweep(tx, { limit, graceMs: settings.reconnectGraceMs, policy: settings.retry })
      const failedOver = yield* failOver(tx, { limit, policy: settings.retry })
      const rerouted = yield* passQuota(tx, { limit, policy: settings.retry })
      return { ...swept, failedOver, rerouted, moment }
    })
    last = moment
    if (swept.total + swept.failedOver + swept.rerouted > 0) plane.log.debug(swept, 'swept')
    if (clock.monotonic() - looked >= settings.silentMs / 2) {
      looked = clock.monotonic()
      await disconnectSilent(plane, settings.silentMs)
    }
    // A full batch means that more is due.
    if (swept.total < limit) await pause(plane, await untilDue(plane), signal)
  }
}

/** Less is a clock that is being adjusted; a lease must survive it anyway. */
function jumpMs({ leaseTtlMs }: ServerSettings): number {
  return Math.max(1_000, leaseTtlMs / 4)
}

/** The host slept, or its clock was set: no owner could have spoken in that time, so none of it counts. */
function* forgiveJump(tx: Tx, { settings, log }: Plane, jumpedMs: number): Work<void> {
  const { leaseTtlMs, reconnectGraceMs, dispatchTimeoutMs } = settings
  log.warn({ jumpedMs: Math.round(jumpedMs) }, 'clock jumped; open leases run anew')
  yield* shiftTimeouts(tx, jumpedMs)
  if (jumpedMs > 0) yield* renewAllLeases(tx, leaseTtlMs, reconnectGraceMs)
  else yield* capLeases(tx, Math.max(leaseTtlMs + reconnectGraceMs, dispatchTimeoutMs))
}

/** One moment on the database's clock and on a clock that only goes forward, ms. */
interface Moment {
  readonly wall: number
  readonly steady: number
}

/** How far the time of day jumped between two moments, ms; negative: back. */
function jumped(before: Moment | null, now: Moment): number {
  return before === null ? 0 : now.wall - before.wall - (now.steady - before.steady)
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

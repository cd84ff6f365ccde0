// Notices that the time of day jumped against a clock that only goes forward: the host slept, or its clock was set.

import type { Clock } from '../core/clock.ts'

/** Looked at this often, ms: a host that wakes must register before its server gives its work to others. */
const lookMs = 1_000
/** Clocks are adjusted by less all the time. */
export const jumpMs = 3_000

/** Calls `jumped` with how far it jumped, ms (negative: back), until `signal` aborts. */
export async function watchJumps(clock: Clock, signal: AbortSignal, jumped: (ms: number) => void): Promise<void> {
  let wall = clock.now()
  let steady = clock.monotonic()
  while (!signal.aborted) {
    await clock.sleep(lookMs, signal)
    const now = { wall: clock.now(), steady: clock.monotonic() }
    const ms = now.wall - wall - (now.steady - steady)
    wall = now.wall
    steady = now.steady
    if (Math.abs(ms) >= jumpMs) jumped(ms)
  }
}

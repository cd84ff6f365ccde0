// Time as an argument: what shells are given instead of reading a clock.

export interface Clock {
  /** Milliseconds since the epoch. May jump when the host's clock is set. */
  now(): number
  /** Milliseconds that never go back; for measuring spans. */
  monotonic(): number
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

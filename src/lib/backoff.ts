// How long to wait before trying again: full jitter, so that a thousand clients do not come back together.

export interface BackoffRange {
  readonly firstMs: number
  readonly maxMs: number
}

/** A random wait in 0…min(max, first × 2^failures), ms. `random` is in 0…1. */
export function fullJitter(failures: number, range: BackoffRange, random: () => number = Math.random): number {
  return Math.round(random() * Math.min(range.maxMs, range.firstMs * 2 ** Math.min(failures, 30)))
}

// How much of something may happen: so many at once, so many a second after that.

import type { Clock } from '../../core/clock.ts'

export class Allowance {
  readonly #clock: Clock
  readonly #most: number
  readonly #perSecond: number
  #left: number
  #at: number

  constructor(clock: Clock, { most, perSecond }: { readonly most: number; readonly perSecond: number }) {
    this.#clock = clock
    this.#most = most
    this.#perSecond = perSecond
    this.#left = most
    this.#at = clock.monotonic()
  }

  /** True when it is allowed, and counted. */
  take(): boolean {
    if (this.debtMs(0) > 0 || this.#left < 1) return false
    this.#left -= 1
    return true
  }

  /** Counts `amount` in any case; how long to wait before the next, ms. */
  debtMs(amount: number): number {
    const now = this.#clock.monotonic()
    this.#left = Math.min(this.#most, this.#left + ((now - this.#at) / 1_000) * this.#perSecond) - amount
    this.#at = now
    return this.#left >= 0 ? 0 : (-this.#left / this.#perSecond) * 1_000
  }
}

// A wake-up that remembers: a wait that begins after `wake` returns at once.

import type { Clock } from '../core/clock.ts'

export class Wake {
  #pending = false
  #waiter: (() => void) | null = null

  wake(): void {
    this.#pending = true
    this.#waiter?.()
  }

  /** Resolves at the next `wake`, or after `ms`, whichever is first. Rejects when `signal` aborts. */
  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (!this.#pending) {
      const cut = new AbortController()
      const abort = () => cut.abort()
      signal.addEventListener('abort', abort, { once: true })
      this.#waiter = abort
      await clock.sleep(ms, cut.signal).catch(() => {}) // woken early
      signal.removeEventListener('abort', abort)
      this.#waiter = null
      signal.throwIfAborted()
    }
    this.#pending = false
  }
}

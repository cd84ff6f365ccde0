// Asks for work while there is room: one claim is held at the server; a place that frees asks again at once.

import type { Clock } from '../core/clock.ts'
import { Problem } from '../core/problem.ts'
import type { Log } from '../lib/log.ts'
import type { Assignment } from '../protocol/link.ts'
import type { Link } from './link/link.ts'
import { Wake } from './wake.ts'

export interface ClaimingOptions {
  readonly link: Link
  readonly clock: Clock
  readonly log: Log
  /** Places to fill now; 0 while draining or short of disk. */
  free(): number
  onAssigned(assignment: Assignment): void
}

/** How long the server may hold a claim; well under what proxies cut. */
const holdMs = 25_000
const replyMs = holdMs + 15_000
/** A failed claim is asked again after this: an error is not an empty queue. */
const againMs = 1_000

export class Claiming {
  readonly #options: ClaimingOptions
  readonly #changed = new Wake()
  #asked = 0

  constructor(options: ClaimingOptions) {
    this.#options = options
  }

  /** Tells that the number of free places changed, or that the link is up again. */
  changed(): void {
    this.#changed.wake()
  }

  /** Claims until `signal` aborts. */
  async poll(signal: AbortSignal): Promise<void> {
    const { link, clock } = this.#options
    while (!signal.aborted) {
      await link.up(signal)
      if (this.#options.free() > 0) this.#hold()
      // Woken by the reply, by a place that freed (the new claim replaces the held one), or by the clock.
      await this.#changed.wait(clock, replyMs, signal)
    }
  }

  /** Only the newest claim's reply leads to the next: the replies of claims it replaced would start a storm. */
  #hold(): void {
    this.#asked += 1
    const mine = this.#asked
    void this.ask({ waitMs: holdMs, taskId: null }).then(() => {
      if (mine === this.#asked) this.changed()
    })
  }

  /**
   * One claim; gives how many were assigned, or null when the server could not be asked. Throws `unknown_task` or `invalid_state` when the
   * named task is not there or has ended: asking again would change nothing.
   */
  async ask({ waitMs, taskId }: { waitMs: number; taskId: string | null }): Promise<number | null> {
    const { link, clock, log, free, onAssigned } = this.#options
    try {
      const { assignments } = await link.request('claim', { max: Math.max(1, free()), waitMs, taskId }, waitMs + 15_000)
      for (const assignment of assignments) onAssigned(assignment)
      return assignments.length
    } catch (error) {
      if (taskId !== null && isOver(error, taskId)) throw error
      log.debug({ reason: error instanceof Error ? error.message : String(error) }, 'claim not answered')
      await clock.sleep(againMs)
      return null
    }
  }
}

/** `invalid_state` is also said of a connection that has to register again; then the detail does not begin with the task. */
function isOver(error: unknown, taskId: string): boolean {
  if (!(error instanceof Problem)) return false
  return error.code === 'unknown_task' || (error.code === 'invalid_state' && error.detail.startsWith(`${taskId} `))
}

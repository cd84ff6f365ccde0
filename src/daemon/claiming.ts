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
  /** After a claim that failed the next is asked after `firstMs`, then twice as late each time, up to `mostMs`. */
  readonly poll: { readonly firstMs: number; readonly mostMs: number }
  /** Only tasks that carry it. */
  readonly correlationId: string | null
  /** Places to fill now; 0 while draining or short of disk. */
  free(): number
  onAssigned(assignment: Assignment): void
}

/** How long the server may hold a claim; well under what proxies cut. */
const holdMs = 25_000
const replyMs = holdMs + 15_000
/** A failed claim is asked again: an error is not an empty queue. */
export const defaultPoll = { firstMs: 2_000, mostMs: 30_000 } as const

export class Claiming {
  readonly #options: ClaimingOptions
  readonly #changed = new Wake()
  #asked = 0
  #failures = 0

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
    const { link, clock, log, free, onAssigned, poll, correlationId } = this.#options
    try {
      const { assignments } = await link.request(
        'claim',
        { max: Math.max(1, free()), waitMs, taskId, correlationId },
        waitMs + 15_000,
      )
      this.#failures = 0
      for (const assignment of assignments) onAssigned(assignment)
      return assignments.length
    } catch (error) {
      if (taskId !== null && isOver(error, taskId)) throw error
      log.debug({ reason: error instanceof Error ? error.message : String(error) }, 'claim not answered')
      await clock.sleep(Math.min(poll.mostMs, poll.firstMs * 2 ** this.#failures))
      this.#failures = Math.min(30, this.#failures + 1)
      return null
    }
  }
}

/** `invalid_state` is also said of a connection that has to register again; then the detail does not begin with the task. */
function isOver(error: unknown, taskId: string): boolean {
  if (!(error instanceof Problem)) return false
  return error.code === 'unknown_task' || (error.code === 'invalid_state' && error.detail.startsWith(`${taskId} `))
}

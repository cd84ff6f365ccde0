// Notices an agent that has gone silent. Silence after a request is a person's, not the agent's.

import type { Clock } from '../../core/clock.ts'
import { formatDuration } from '../../lib/duration.ts'
import type { EventBody } from '../../protocol/events.ts'
import type { Assignment } from '../../protocol/link.ts'
import type { RunFailure } from './state.ts'
import { failure } from './state.ts'

/** The longest wait between two looks, ms: a stall is minutes. */
const lookMs = 30_000

export class StallWatch {
  readonly #clock: Clock
  readonly #limitMs: number
  #heardAt: number
  #asking = false

  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock
    this.#limitMs = limitMs
    this.#heardAt = clock.monotonic()
  }

  /** The agent's newest events. */
  heard(events: readonly EventBody[]): void {
    const last = events.at(-1)
    if (last === undefined) return
    this.#heardAt = this.#clock.monotonic()
    this.#asking = last.type === 'request'
  }

  /** Resolves when the agent has been silent for the limit; rejects when `signal` aborts. */
  async stalled(signal: AbortSignal): Promise<void> {
    for (;;) {
      const left = this.#asking ? this.#limitMs : this.#heardAt + this.#limitMs - this.#clock.monotonic()
      if (left <= 0) return
      await this.#clock.sleep(Math.min(left, lookMs), signal)
    }
  }
}

/** What a stall ends the attempt with, as the task asks; null: it is only shown. */
export function endOfStall({ task }: Assignment): RunFailure | null {
  if (task.stallTimeoutMs === 0) return null
  const detail = `no event from the agent for ${formatDuration(task.stallTimeoutMs)}`
  switch (task.onStall) {
    case 'notify':
      return null
    case 'abort':
      return failure('daemon_abort', detail)
    case 'fail':
      return failure('stalled', detail)
  }
}

// Notices an agent that has gone silent. While a request is open the silence is a person's, not the agent's.

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
  #standing = false

  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock
    this.#limitMs = limitMs
    this.#heardAt = clock.monotonic()
  }

  /** The agent said something. */
  heard(events: readonly EventBody[]): void {
    if (events.length > 0) this.#heardAt = this.#clock.monotonic()
  }

  /** Whether requests wait for a person. Once none does, the agent's silence begins anew. */
  stand(standing: boolean): void {
    if (this.#standing && !standing) this.#heardAt = this.#clock.monotonic()
    this.#standing = standing
  }

  /** Resolves when the agent has been silent for the limit; rejects when `signal` aborts. */
  async stalled(signal: AbortSignal): Promise<void> {
    for (;;) {
      const left = this.#standing ? this.#limitMs : this.#heardAt + this.#limitMs - this.#clock.monotonic()
      if (left <= 0) return
      await this.#clock.sleep(Math.min(left, lookMs), signal)
    }
  }
}

/** Tells, once, when the agent is to be ended for its silence. Null: that is only shown. */
export function watchStalls(
  run: { readonly clock: Clock; readonly assignment: Assignment; readonly signal: AbortSignal },
  stalled: (why: RunFailure) => void,
): StallWatch | null {
  const end = endOfStall(run.assignment)
  if (end === null) return null
  const watch = new StallWatch(run.clock, run.assignment.task.stallTimeoutMs)
  watch.stalled(run.signal).then(
    () => stalled(end),
    () => {}, // it ended
  )
  return watch
}

/** What a stall ends the attempt with, as the task asks; null: it is only shown. */
export function endOfStall({ task }: Assignment): RunFailure | null {
  if (task.stallTimeoutMs === 0 || task.interactive === true) return null
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

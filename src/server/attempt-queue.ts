// Order within an attempt: its events are stored as they came, batches that wait are stored as one, and its end comes after its events.

import type { NumberedEvent } from '../protocol/events.ts'

interface Batch {
  readonly events: readonly NumberedEvent[]
  readonly done: (next: number) => void
  readonly fail: (error: unknown) => void
}

/** Batches joined into one command hold at most this many events: a chunk row stays a size that readers page well. */
const joinedEvents = 500

export class AttemptQueue {
  readonly #store: (events: readonly NumberedEvent[]) => Promise<number>
  #waiting: Batch[] = []
  #flow: Promise<void> | null = null

  /** `store` stores events and gives the seq expected next. */
  constructor(store: (events: readonly NumberedEvent[]) => Promise<number>) {
    this.#store = store
  }

  get idle(): boolean {
    return this.#flow === null
  }

  /** Resolves with the seq expected next once the batch is durable. */
  add(events: readonly NumberedEvent[]): Promise<number> {
    return new Promise((done, fail) => {
      this.#waiting.push({ events, done, fail })
      this.#flow ??= this.#run()
    })
  }

  /** Resolves when all that was added before is stored or has failed. Never rejects. */
  async settled(): Promise<void> {
    await this.#flow
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batches = this.#take()
      try {
        const next = await this.#store(batches.flatMap((batch) => batch.events))
        for (const batch of batches) batch.done(next)
      } catch (error) {
        for (const batch of batches) batch.fail(error)
      }
    }
    this.#flow = null
  }

  #take(): Batch[] {
    let size = 0
    const fitting = this.#waiting.findIndex((batch, i) => {
      size += batch.events.length
      return i > 0 && size > joinedEvents
    })
    return this.#waiting.splice(0, fitting < 0 ? this.#waiting.length : fitting)
  }
}

// One reader of a task's stream: a bounded buffer over one HTTP response. A reader that does not keep up is cut, never waited for.

import type { ServerResponse } from 'node:http'

/** A place in a task's transcript; `{attempt: 0, seq: 0}` is before everything. */
export interface Position {
  readonly attempt: number
  readonly seq: number
}

export interface Framed {
  readonly position: Position
  readonly text: string
}

/** How much of a replay may lie unread before the next page is fetched, bytes. */
const replayAhead = 262_144
/** How long a cut reader's socket may take to hear of it, ms. */
const cutMs = 5_000

export class Follower {
  readonly #response: ServerResponse
  readonly #limit: number
  #over = false
  position: Position

  constructor(response: ServerResponse, from: Position, limit: number) {
    this.#response = response
    this.#limit = limit
    this.position = from
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    })
    response.write(': following\n\n')
    response.once('close', () => {
      this.#over = true
    })
  }

  get over(): boolean {
    return this.#over
  }

  onClose(then: () => void): void {
    if (this.#over) then()
    else this.#response.once('close', then)
  }

  /** Writes events after its own position. `shared` is all of `events` as one buffer, made once for every reader. */
  writeEvents(events: readonly Framed[], shared: Buffer): void {
    const [first] = events
    const last = events.at(-1)
    if (first === undefined || last === undefined || !isAfter(last.position, this.position)) return
    if (isAfter(first.position, this.position)) this.write(shared)
    else
      this.write(
        events
          .filter((each) => isAfter(each.position, this.position))
          .map((each) => each.text)
          .join(''),
      )
    this.position = last.position
  }

  /** Writes a frame, or cuts the reader when too much lies unread already: one large frame alone cuts nobody. */
  write(frame: string | Buffer): void {
    if (this.#over) return
    if (this.#response.writableLength > this.#limit) this.#cut()
    else this.#response.write(frame)
  }

  /** Resolves once the reader has taken most of what was written, or is gone. */
  async drained(): Promise<void> {
    if (this.#over || this.#response.writableLength < replayAhead) return
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#response.off('drain', done)
        this.#response.off('close', done)
        resolve()
      }
      this.#response.once('drain', done)
      this.#response.once('close', done)
    })
  }

  end(frame: string): void {
    if (this.#over) return
    this.#over = true
    this.#response.end(frame)
  }

  #cut(): void {
    this.end('event: cut\ndata: {"detail":"this reader was too slow; read on from the last event id"}\n\n')
    const socket = this.#response.socket
    const timer = setTimeout(() => socket?.destroy(), cutMs)
    timer.unref()
    this.#response.once('close', () => clearTimeout(timer))
  }
}

export function isAfter(a: Position, b: Position): boolean {
  return a.attempt > b.attempt || (a.attempt === b.attempt && a.seq > b.seq)
}

/** Reads `attempt.seq`; anything else means from the start. */
export function parsePosition(text: string | null | undefined): Position {
  const [, attempt, seq] = /^(\d{1,9})\.(\d{1,12})$/.exec(text ?? '') ?? []
  return { attempt: Number(attempt ?? 0), seq: Number(seq ?? 0) }
}

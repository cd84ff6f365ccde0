// What people send to a running agent: kept in order until it is taken for good, so that the server is told only then.

import { oneLine } from '../harness/cut.ts'
import type { Push } from '../link/wire.ts'

/** An answer to one of its asks, or words for it. `seq` is the server's number of the message; the same one may come again. */
export type Given =
  | {
      readonly kind: 'answer'
      readonly requestId: string
      readonly optionId: string | null
      readonly text: string | null
      readonly by: string
    }
  | { readonly kind: 'message'; readonly seq: number; readonly text: string; readonly by: string }

/** What the transcript says of words that nobody took. */
export function lateWords({ by, text }: Given & { readonly kind: 'message' }): string {
  return oneLine(`came too late, the agent takes no more words; not said: ${by}: ${text}`, 2_000)
}

/** What a push of the server brings for a run. */
export function givenBy(push: Extract<Push, { type: 'answer' | 'message' }>): Given {
  if (push.type === 'message') return { kind: 'message', seq: push.seq, text: push.body.text, by: push.body.by }
  const { requestId, optionId, text, by } = push.body
  return { kind: 'answer', requestId, optionId, text, by }
}

interface Waiting {
  readonly given: Given
  readonly taken: () => void
}

export class Inbox {
  readonly #waiting: Waiting[] = []
  #closed = false
  #news = Promise.withResolvers<void>()

  /** Resolves when it was taken for good, or when the run is over and nobody will take it. */
  put(given: Given): Promise<void> {
    if (this.#closed) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push({ given, taken: resolve })
    this.#news.resolve()
    return promise
  }

  /** Gives each to `take` until `signal` aborts. What it throws ends the serving; that one is given again to the next server. */
  async serve(take: (given: Given) => void, signal: AbortSignal): Promise<void> {
    const over = Promise.withResolvers<void>()
    const stop = () => over.resolve()
    signal.addEventListener('abort', stop, { once: true })
    try {
      while (!signal.aborted) {
        const [head] = this.#waiting
        if (head === undefined) {
          this.#news = Promise.withResolvers()
          await Promise.race([this.#news.promise, over.promise])
          continue
        }
        take(head.given)
        this.#waiting.shift()
        head.taken()
      }
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  /** The agent is gone: what waits, and what still comes, is for nobody. Gives what waited. */
  close(): readonly Given[] {
    this.#closed = true
    const waited = this.#waiting.splice(0)
    for (const { taken } of waited) taken()
    return waited.map(({ given }) => given)
  }
}

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

/** The requests of the run that stand open at the server. */
export interface Listed {
  readonly kind: 'listed'
  readonly requests: readonly string[]
}

/** Who denies what nobody answered in time, when the server does not. */
export const hostItself = 'host'

/** What the transcript says of words that nobody took. */
export function lateWords({ by, text }: Given & { readonly kind: 'message' }): string {
  return oneLine(`came too late for the agent: ${by}: ${text}`, 2_000)
}

/** What a push of the server brings for a run. */
export function givenBy(push: Extract<Push, { type: 'answer' | 'message' }>): Given {
  if (push.type === 'message') return { kind: 'message', seq: push.seq, text: push.body.text, by: push.body.by }
  const { requestId, optionId, text, by } = push.body
  return { kind: 'answer', requestId, optionId, text, by }
}

interface Waiting {
  readonly given: Given | Listed
  readonly taken: (taken: boolean) => void
}

export class Inbox {
  readonly #waiting: Waiting[] = []
  #closed = false
  #news = Promise.withResolvers<void>()

  /** Resolves when it was taken for good; to false when it came too late: the agent is gone, or takes no more. */
  put(given: Given | Listed): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#waiting.push({ given, taken: resolve })
    this.#news.resolve()
    return promise
  }

  /** Gives each to `take`, which says whether it was in time, until `signal` aborts. What it throws ends the serving; that one is given again to the next server. */
  async serve(take: (given: Given | Listed) => boolean, signal: AbortSignal): Promise<void> {
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
        const taken = take(head.given)
        this.#waiting.shift()
        head.taken(taken)
      }
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  /** The agent is gone: what waits, and what still comes, is for nobody. Gives what waited. */
  close(): readonly (Given | Listed)[] {
    this.#closed = true
    const waited = this.#waiting.splice(0)
    for (const { taken } of waited) taken(false)
    return waited.map(({ given }) => given)
  }
}

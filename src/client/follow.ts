// Following a task over SSE: reconnects with the last event's id, so that the reader sees each event once.

import { Problem } from '../core/problem.ts'
import type { TranscriptEvent } from '../protocol/events.ts'
import { operations } from '../protocol/operations.ts'
import type { TaskView } from '../protocol/task.ts'
import type { ClientOptions } from './send.ts'
import { open, unreachable } from './send.ts'
import type { SseMessage } from './sse.ts'
import { readMessages } from './sse.ts'

/** `reconnecting`: the stream broke or was cut; what was missed follows. */
export type Followed =
  | { readonly type: 'transcript'; readonly id: string; readonly event: TranscriptEvent }
  | { readonly type: 'task'; readonly task: TaskView }
  | { readonly type: 'reconnecting'; readonly because: string }

export interface FollowOptions {
  readonly signal?: AbortSignal
  /** `attempt.seq` of the last event already seen. */
  readonly lastEventId?: string
  /** Silence after which the connection counts as dead; the server beats every 15 s. Default 45 s. */
  readonly idleMs?: number
  /** How long to try again while the server cannot be reached. Default 5 min; then `not_connected` is thrown. */
  readonly patienceMs?: number
}

const firstWaitMs = 200
const longestWaitMs = 5_000

/** Yields until the server says `end`. Throws Problem; an abort of the signal ends it with the signal's reason. */
export async function* follow(
  client: ClientOptions,
  taskId: string,
  options: FollowOptions,
): AsyncGenerator<Followed, void, void> {
  let last = options.lastEventId ?? null
  let waitedMs = 0
  let failures = 0
  while (true) {
    let because = 'the stream ended'
    try {
      for await (const message of connect(client, taskId, { ...options, last })) {
        failures = 0
        waitedMs = 0
        if (message.event === 'end') return
        if (message.event === 'cut') because = 'the server cut this reader for being slow'
        last = message.id ?? last
        const followed = readMessage(message)
        if (followed !== null) yield followed
      }
    } catch (error) {
      options.signal?.throwIfAborted()
      const problem = error instanceof Problem ? error : unreachable(client.url, error)
      if (problem.status < 500 || waitedMs >= (options.patienceMs ?? 300_000)) throw problem
      because = problem.detail
    }
    yield { type: 'reconnecting', because }
    const waitMs = Math.random() * Math.min(longestWaitMs, firstWaitMs * 2 ** failures)
    failures = Math.min(failures + 1, 10)
    waitedMs += waitMs
    await sleep(waitMs, options.signal)
  }
}

async function* connect(
  client: ClientOptions,
  taskId: string,
  { last, signal, idleMs = 45_000 }: FollowOptions & { readonly last: string | null },
): AsyncGenerator<SseMessage, void, void> {
  const silence = new AbortController()
  const ring = () => silence.abort(new Error(`nothing was heard for ${idleMs} ms`))
  let timer = setTimeout(ring, idleMs)
  const heard = () => {
    clearTimeout(timer)
    timer = setTimeout(ring, idleMs)
  }
  try {
    const ends = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal])
    const headers = last === null ? {} : { 'last-event-id': last }
    const response = await open(client, operations.followTask, { params: { id: taskId }, headers, signal: ends })
    if (response.body !== null) yield* readMessages(response.body, heard)
  } finally {
    clearTimeout(timer)
  }
}

function readMessage({ event, id, data }: SseMessage): Followed | null {
  const value: unknown = JSON.parse(data)
  if (event === 'transcript' && id !== null) return { type: 'transcript', id, event: value as TranscriptEvent } // the server's own shape
  if (event === 'task') return { type: 'task', task: value as TaskView } // likewise
  return null
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
  })
}

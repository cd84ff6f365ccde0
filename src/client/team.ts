// Following a team: what changes, by id. Reconnects by itself until the signal aborts. Imports no schema: a browser's worker loads little.

import { Problem } from '../core/problem.ts'
import type { Output } from '../protocol/operations.ts'
import { teamStreamPath } from '../protocol/paths.ts'
import type { ClientOptions } from './send.ts'
import { open, unreachable } from './send.ts'
import { readMessages } from './sse.ts'

/** `ready`: what is read from now on misses nothing; read everything again after a `down`. */
export type TeamNews =
  | { readonly type: 'ready' }
  | ({ readonly type: 'changed' } & Output<'followTeam'>)
  | { readonly type: 'down'; readonly because: string }

export interface TeamOptions {
  readonly signal: AbortSignal
  /** Silence after which the connection counts as dead; the server beats every 15 s. Default 40 s. */
  readonly idleMs?: number
}

const firstWaitMs = 250
const longestWaitMs = 4_000

/** Yields until the signal aborts. Throws the server's refusals (a token that is not valid any more), never an outage. */
export async function* followTeam(client: ClientOptions, options: TeamOptions): AsyncGenerator<TeamNews, void, void> {
  let failures = 0
  while (!options.signal.aborted) {
    let because = 'the stream ended'
    try {
      for await (const news of connect(client, options)) {
        failures = 0
        yield news
      }
    } catch (error) {
      if (options.signal.aborted) return
      const problem = error instanceof Problem ? error : unreachable(client.url, error)
      if (problem.status < 500) throw problem
      because = problem.detail
    }
    yield { type: 'down', because }
    await sleep(Math.min(longestWaitMs, firstWaitMs * 2 ** failures) * (0.5 + Math.random() / 2), options.signal)
    failures = Math.min(failures + 1, 10)
  }
}

async function* connect(client: ClientOptions, { signal, idleMs = 40_000 }: TeamOptions) {
  const silence = new AbortController()
  const ring = () => silence.abort(new Error(`nothing was heard for ${idleMs} ms`))
  let timer = setTimeout(ring, idleMs)
  const heard = () => {
    clearTimeout(timer)
    timer = setTimeout(ring, idleMs)
  }
  try {
    const ends = AbortSignal.any([signal, silence.signal])
    const response = await open(client, { method: 'GET', path: teamStreamPath }, { signal: ends })
    if (response.body === null) return
    for await (const { event, data } of readMessages(response.body, heard)) {
      if (event === 'ready') yield { type: 'ready' } as const
      if (event === 'changed') yield { type: 'changed', ...(JSON.parse(data) as Output<'followTeam'>) } as const // the server's own shape
    }
  } finally {
    clearTimeout(timer)
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    function done() {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done, { once: true })
  })
}

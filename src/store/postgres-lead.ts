// Leadership among replicas: a session's advisory lock on a connection of its own. The lock ends with the connection, so the leader watches it.

import pg from 'pg'
import { systemClock } from '../lib/clock.ts'
import { connectionConfig } from './postgres-config.ts'

const leaderLock = 7_420_002
/** How often a follower asks for the lock: a leader that died is followed within this. */
const askMs = 500
/** How often the leader looks whether its connection still stands; one that hangs is given up after `answerMs`. */
const lookMs = 5_000
const answerMs = 5_000
/** A leader whose whole host is gone says no goodbye: PostgreSQL is to notice in 20 s, not in the two hours of its default. */
const noticeDeath = 'set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3'

/**
 * Waits for the lock, runs `work` while it is held, and returns when `work` does. When the connection dies the work's signal aborts, and
 * once it has stopped the lock is sought anew. Rejects with the signal's reason when `signal` aborts while waiting.
 */
export async function leadPostgres(
  url: string,
  work: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    const term = await acquire(url, signal)
    if (term === null) {
      await systemClock.sleep(askMs, signal)
      continue
    }
    const ended = await serve(term, work, signal)
    if (ended) return
  }
}

interface Term {
  readonly client: pg.Client
  readonly lost: AbortController
}

/** The lock on a fresh connection; null when another has it or the database is away. */
async function acquire(url: string, signal: AbortSignal): Promise<Term | null> {
  const client = new pg.Client({ ...connectionConfig(url), query_timeout: answerMs })
  const lost = new AbortController()
  client.on('error', () => lost.abort(new Error('the connection that holds the leadership broke')))
  client.on('end', () => lost.abort(new Error('the connection that holds the leadership ended')))
  try {
    await client.connect()
    await client.query(noticeDeath)
    for (;;) {
      const { rows } = await client.query<{ held: boolean }>('select pg_try_advisory_lock($1) as held', [leaderLock])
      if (rows[0]?.held === true) return { client, lost }
      await systemClock.sleep(askMs, AbortSignal.any([signal, lost.signal]))
    }
  } catch {
    await quietly(client.end())
    return null
  }
}

/** True when the work ended by itself; false when the lock was lost under it. A failure of the work is thrown on. */
async function serve(term: Term, work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<boolean> {
  const over = new AbortController()
  const watching = watch(term, over.signal)
  try {
    await work(AbortSignal.any([signal, term.lost.signal]))
    return !term.lost.signal.aborted || signal.aborted
  } catch (error) {
    if (term.lost.signal.aborted && !signal.aborted) return false
    throw error
  } finally {
    over.abort()
    await watching
    await quietly(term.client.end())
  }
}

async function watch({ client, lost }: Term, over: AbortSignal): Promise<void> {
  try {
    for (;;) {
      await systemClock.sleep(lookMs, over)
      await client.query('select 1')
    }
  } catch (error) {
    if (!over.aborted) lost.abort(error)
  }
}

async function quietly(ending: Promise<unknown>): Promise<void> {
  await ending.catch(() => {}) // the connection is gone either way
}

// Counts for /metrics: cheap to ask at every scrape, whatever has piled up.

import { sql } from 'kysely'
import type { Tx, Work } from './port.ts'
import { all, rowsOf } from './query.ts'

export interface Counts {
  /** Tasks that have not ended, by state. */
  readonly tasks: Readonly<Record<string, number>>
  /** Parked tasks, by why. */
  readonly parked: Readonly<Record<string, number>>
  /** When the task that has been in the queue longest came into it, ms; null: the queue is empty. */
  readonly oldestQueuedAt: number | null
  /** Attempts that somebody owns. */
  readonly openLeases: number
}

export function* counts(tx: Tx): Work<Counts> {
  const states = yield* rowsOf(
    tx,
    sql<{ state: string; n: number; oldest: number | null }>`select state, count(*) as n, min(queued_at) as oldest
      from tasks where ended_at is null group by state`,
  )
  const parked = yield* rowsOf(
    tx,
    sql<{ reason: string; n: number }>`select reason, count(*) as n from tasks
      where state = 'parked' and wake_at is not null group by reason`,
  )
  const [open] = yield* rowsOf(tx, sql<{ n: number }>`select count(*) as n from attempts where leased = 1`)
  return {
    tasks: Object.fromEntries(states.map(({ state, n }) => [state, n])),
    parked: Object.fromEntries(parked.map(({ reason, n }) => [reason, Number(n)])),
    oldestQueuedAt: states.find(({ state }) => state === 'queued')?.oldest ?? null,
    openLeases: open?.n ?? 0,
  }
}

export interface EndedCount {
  readonly state: string
  readonly reason: string | null
  readonly n: number
}

/** Attempts that ended after `since` and up to now, by end and reason; and the time to ask from next. */
export function* countEnded(tx: Tx, since: number): Work<{ readonly ends: EndedCount[]; readonly until: number }> {
  const query = tx.db
    .selectFrom('attempts')
    .select((of) => ['state', 'reason', of.fn.countAll<number>().as('n')])
    .where('ended_at', 'is not', null)
    .where('ended_at', '>', since)
    .where('ended_at', '<=', tx.now)
    .groupBy(['state', 'reason'])
  return { ends: yield* all(query.compile()), until: tx.now }
}

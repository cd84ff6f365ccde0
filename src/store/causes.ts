// Tasks that came of another task.

import { sql } from 'kysely'
import type { Tx, Work } from './port.ts'
import { rowsOf } from './query.ts'

/** How many tasks name this one as their cause. */
export function* countCausedBy(tx: Tx, teamId: string, causeId: string): Work<number> {
  const rows = yield* rowsOf(
    tx,
    sql<{ n: number | string }>`select count(*) as n from tasks where cause_id = ${causeId} and team_id = ${teamId}`,
  )
  return Number(rows[0]?.n ?? 0) // PostgreSQL gives a bigint as text
}

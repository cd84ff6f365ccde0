// Lanes: each distinct set of requirements has one. Whether a daemon fits is decided per lane, in memory; the queue is read per lane.

import { sql } from 'kysely'
import type { Requirements } from '../core/routing.ts'
import { laneKey } from '../core/routing.ts'
import type { Tx, Work } from './port.ts'
import { all, first, parseJson, rowsOf } from './query.ts'
import { text } from './text.ts'

export interface Lane {
  readonly id: number
  readonly needs: Requirements
}

/** Serialises the making of lanes, so that ids become visible in their order and `lanesAfter` misses none. */
const laneLock = 7_420_003

/** The id of the lane for these requirements; makes it when they are new. */
export function* laneFor(tx: Tx, needs: Requirements): Work<number> {
  const key = laneKey(needs)
  return (yield* idOf(tx, key)) ?? (yield* makeLane(tx, key, needs))
}

/** Lanes newer than `id` (0: all), oldest first. Lanes never change and never go. */
export function* lanesAfter(tx: Tx, id: number): Work<Lane[]> {
  const query = tx.db.selectFrom('lanes').select(['id', 'needs']).where('id', '>', id).orderBy('id')
  const rows = yield* all(query.compile())
  return rows.map((row) => ({ id: row.id, needs: parseJson<Requirements>(row.needs) }))
}

function* makeLane(tx: Tx, key: string, needs: Requirements): Work<number> {
  if (tx.dialect === 'postgres') {
    yield sql`select pg_advisory_xact_lock(${laneLock}::bigint)`.compile(tx.db)
    const meanwhile = yield* idOf(tx, key)
    if (meanwhile !== null) return meanwhile
  }
  const row = { team_id: needs.teamId, lane_key: key, needs: JSON.stringify(needs) }
  const made = yield* first(tx.db.insertInto('lanes').values(row).returning('id').compile())
  if (made === null) throw new Error('a new lane has no id')
  return made.id
}

function* idOf(tx: Tx, key: string): Work<number | null> {
  return (yield* rowsOf(tx, text<{ id: number }>`select id from lanes where lane_key = ${key}`))[0]?.id ?? null
}

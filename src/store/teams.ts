// Teams: the tenants. Everything else belongs to one.

import type { Selectable } from 'kysely'
import { Problem } from '../core/problem.ts'
import type { Tx, Work } from './port.ts'
import { all, change, first } from './query.ts'
import type { Schema } from './schema.ts'

export interface TeamRecord {
  readonly id: string
  readonly name: string
  readonly createdAt: number
}

/** Throws Problem `already_exists` when the name is taken. */
export function* createTeam(tx: Tx, { id, name }: { readonly id: string; readonly name: string }): Work<TeamRecord> {
  const insert = tx.db.insertInto('teams').values({ id, name, created_at: tx.now })
  const made = yield* change(insert.onConflict((on) => on.column('name').doNothing()).compile())
  if (made === 0) throw new Problem('already_exists', `team ${name} exists; choose another name`)
  return { id, name, createdAt: tx.now }
}

/** By age. */
export function* listTeams(tx: Tx): Work<TeamRecord[]> {
  return (yield* all(tx.db.selectFrom('teams').selectAll().orderBy('created_at').compile())).map(recordOf)
}

export function* findTeam(tx: Tx, idOrName: string): Work<TeamRecord | null> {
  const query = tx.db.selectFrom('teams').selectAll()
  const row = yield* first(query.where((of) => of.or([of('id', '=', idOrName), of('name', '=', idOrName)])).compile())
  return row === null ? null : recordOf(row)
}

function recordOf(row: Selectable<Schema['teams']>): TeamRecord {
  return { id: row.id, name: row.name, createdAt: row.created_at }
}

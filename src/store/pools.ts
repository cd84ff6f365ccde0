// Pools: hosts of a team that stand for each other.

import { sql } from 'kysely'
import { Problem } from '../core/problem.ts'
import type { PoolView } from '../protocol/fleet.ts'
import type { Tx, Work } from './port.ts'
import { openNeeds } from './profiles.ts'
import { change, rowsOf } from './query.ts'

export interface NewPool {
  readonly id: string
  readonly teamId: string
  readonly name: string
  /** The identity that may join; null: any daemon of the team. */
  readonly connector: string | null
}

/** Throws Problem `already_exists` when the team has one by that name. */
export function* createPool(tx: Tx, { id, teamId, name, connector }: NewPool): Work<PoolView> {
  const insert = tx.db.insertInto('pools').values({ id, team_id: teamId, name, connector, created_at: tx.now })
  const made = yield* change(insert.onConflict((on) => on.columns(['team_id', 'name']).doNothing()).compile())
  if (made === 0) throw new Problem('already_exists', `pool ${name} exists; choose another name`)
  return { id, name, connector, createdAt: tx.now, daemons: 0 }
}

/** By name. */
export function* listPools(tx: Tx, teamId: string): Work<PoolView[]> {
  return (yield* rowsOf(tx, sql<PoolRow>`${selectPool} where p.team_id = ${teamId} order by p.name`)).map(viewOf)
}

export function* findPool(tx: Tx, teamId: string, idOrName: string): Work<PoolView | null> {
  const named = sql`p.team_id = ${teamId} and (p.id = ${idOrName} or p.name = ${idOrName})`
  const [row] = yield* rowsOf(tx, sql<PoolRow>`${selectPool} where ${named}`)
  return row === undefined ? null : viewOf(row)
}

/** False: there is none. Throws Problem `in_use` while a daemon belongs to it or a task that has not ended needs it. */
export function* removePool(tx: Tx, teamId: string, idOrName: string): Work<boolean> {
  const found = yield* findPool(tx, teamId, idOrName)
  if (found === null) return false
  if (found.daemons > 0) {
    throw new Problem('in_use', `${found.daemons} daemons belong to pool ${found.name}; move or remove them first`)
  }
  if ((yield* openNeeds(tx, teamId)).some((needs) => needs.pool === found.id)) {
    throw new Problem('in_use', `tasks that have not ended need pool ${found.name}; cancel them first`)
  }
  return (yield* change(tx.db.deleteFrom('pools').where('id', '=', found.id).compile())) > 0
}

interface PoolRow {
  readonly id: string
  readonly name: string
  readonly connector: string | null
  readonly created_at: number
  readonly daemons: number
}

const selectPool = sql`select p.id, p.name, p.connector, p.created_at,
  (select count(*) from daemons d where d.pool_id = p.id) as daemons from pools p`

function viewOf({ id, name, connector, created_at, daemons }: PoolRow): PoolView {
  return { id, name, connector, createdAt: created_at, daemons }
}

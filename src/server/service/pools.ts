// Pools: hosts that stand for each other.

import { Problem } from '../../core/problem.ts'
import { makeId } from '../../lib/ids.ts'
import type { PoolView } from '../../protocol/fleet.ts'
import * as pools from '../../store/pools.ts'
import { tokenNameOf } from '../auth.ts'
import type { AskedOf } from '../handler.ts'
import type { Caller, Plane } from '../plane.ts'

export async function createPool(plane: Plane, { caller, body }: AskedOf<'createPool'>): Promise<PoolView> {
  const id = makeId('pool', plane.clock.now())
  const { teamId } = caller
  const connector = body.connector === 'me' ? tokenNameOf(caller) : (body.connector ?? null)
  return plane.store.run((tx) => pools.createPool(tx, { id, teamId, name: body.name, connector }))
}

export async function listPools(plane: Plane, caller: Caller): Promise<{ items: PoolView[] }> {
  return { items: await plane.store.read((tx) => pools.listPools(tx, caller.teamId)) }
}

export async function readPool(plane: Plane, caller: Caller, idOrName: string): Promise<PoolView> {
  const pool = await plane.store.read((tx) => pools.findPool(tx, caller.teamId, idOrName))
  if (pool === null) throw none(idOrName)
  return pool
}

/** Throws `in_use` while a daemon belongs to it or a task needs it. */
export async function removePool(plane: Plane, caller: Caller, idOrName: string): Promise<undefined> {
  if (!(await plane.store.run((tx) => pools.removePool(tx, caller.teamId, idOrName)))) throw none(idOrName)
}

function none(idOrName: string): Problem {
  return new Problem('not_found', `there is no pool ${JSON.stringify(idOrName)}`)
}

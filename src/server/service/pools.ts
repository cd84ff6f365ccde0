// Pools: hosts that stand for each other.

import { Problem } from '../../core/problem.ts'
import { makeId } from '../../lib/ids.ts'
import type { PoolView } from '../../protocol/fleet.ts'
import type { Output } from '../../protocol/operations.ts'
import { findAccount } from '../../store/accounts.ts'
import { listDaemons } from '../../store/daemons.ts'
import * as pools from '../../store/pools.ts'
import type { Tx, Work } from '../../store/port.ts'
import { nameOf } from '../auth.ts'
import type { AskedOf } from '../handler.ts'
import type { Caller, Plane } from '../plane.ts'

export async function createPool(plane: Plane, { caller, body }: AskedOf<'createPool'>): Promise<PoolView> {
  const id = makeId('pool', plane.clock.now())
  const { teamId } = caller
  return plane.store.run(function* (tx) {
    const connector = yield* connectorOf(tx, caller, body.connector)
    return yield* pools.createPool(tx, { id, teamId, name: body.name, connector })
  })
}

export async function listPools(plane: Plane, caller: Caller): Promise<{ items: PoolView[] }> {
  return { items: await plane.store.read((tx) => pools.listPools(tx, caller.teamId)) }
}

/** With the hosts that belong to it. */
export async function readPool(plane: Plane, caller: Caller, idOrName: string): Promise<Output<'getPool'>> {
  return plane.store.read(function* (tx) {
    const pool = yield* pools.findPool(tx, caller.teamId, idOrName)
    if (pool === null) throw none(idOrName)
    const all = yield* listDaemons(tx, caller.teamId)
    const hosts = all
      .filter((daemon) => daemon.pool === pool.id)
      .map(({ id, name, connected, draining, running, maxAgents }) => {
        return { id, name, connected, draining, running: connected ? running : 0, maxAgents }
      })
    return { ...pool, hosts }
  })
}

/** The account's name. Throws `invalid_request` for one that the team does not have: nobody could ever join. */
function* connectorOf(tx: Tx, caller: Caller, given: string | undefined): Work<string | null> {
  if (given === undefined) return null
  if (given === 'me') return nameOf(caller)
  const account = yield* findAccount(tx, caller.teamId, given)
  if (account !== null) return account.name
  const remedy = 'list members with: capstan member ls'
  throw new Problem('invalid_request', `connector ${JSON.stringify(given)} is neither "me" nor a member; ${remedy}`)
}

/** Throws `in_use` while a daemon belongs to it or a task needs it. */
export async function removePool(plane: Plane, caller: Caller, idOrName: string): Promise<undefined> {
  if (!(await plane.store.run((tx) => pools.removePool(tx, caller.teamId, idOrName)))) throw none(idOrName)
}

function none(idOrName: string): Problem {
  return new Problem('not_found', `there is no pool ${JSON.stringify(idOrName)}; see: capstan pool ls`)
}

// Members of a team: people and service accounts, their roles, and links by which people sign in.

import { Problem } from '../../core/problem.ts'
import type { Role } from '../../core/role.ts'
import { makeId } from '../../lib/ids.ts'
import type { MemberView, Scope } from '../../protocol/access.ts'
import type { Output } from '../../protocol/operations.ts'
import type { Account } from '../../store/accounts.ts'
import * as accounts from '../../store/accounts.ts'
import { listPools } from '../../store/pools.ts'
import type { Tx, Work } from '../../store/port.ts'
import type { AskedOf } from '../handler.ts'
import type { Caller, Plane } from '../plane.ts'
import { issueSignIn } from './tokens.ts'

export async function listMembers(plane: Plane, caller: Caller): Promise<{ items: MemberView[] }> {
  return { items: await plane.store.read((tx) => accounts.listMembers(tx, caller.teamId)) }
}

export async function createMember(plane: Plane, { caller, body }: AskedOf<'createMember'>): Promise<MemberView> {
  const { teamId, actor } = caller
  const { name, kind = 'user', role = 'member' } = body
  const id = makeId('acc', plane.clock.now())
  return plane.store.run(function* (tx) {
    yield* accounts.createAccount(tx, { id, teamId, name, kind, role, createdBy: actor })
    return yield* shown(tx, teamId, id)
  })
}

/** Throws `in_use` for the last owner: nobody could give a role any more. */
export async function changeMember(plane: Plane, asked: AskedOf<'changeMember'>): Promise<MemberView> {
  const { caller, params, body } = asked
  return plane.store.run(function* (tx) {
    const account = yield* requireAccount(tx, caller.teamId, params.id)
    if (body.role !== 'owner') yield* refuseLastOwner(tx, caller.teamId, account)
    if (account.role !== body.role) yield* accounts.setRole(tx, account.id, body.role)
    return yield* shown(tx, caller.teamId, account.id)
  })
}

export async function removeMember(plane: Plane, caller: Caller, idOrName: string): Promise<undefined> {
  await plane.store.run(function* (tx) {
    const account = yield* requireAccount(tx, caller.teamId, idOrName)
    yield* refuseLastOwner(tx, caller.teamId, account)
    yield* refuseConnector(tx, caller.teamId, account)
    yield* accounts.removeAccount(tx, account.id)
  })
}

export async function inviteMember(plane: Plane, asked: AskedOf<'inviteMember'>): Promise<Output<'inviteMember'>> {
  const { caller, params } = asked
  const account = await plane.store.read((tx) => requireAccount(tx, caller.teamId, params.id))
  if (account.kind === 'service')
    throw new Problem('contradiction', `${account.name} is a service account; make a token for it: capstan token add`)
  const { code, expiresAt } = await issueSignIn(plane, {
    teamId: caller.teamId,
    scopes: scopesOf(account.role),
    accountId: account.id,
    createdBy: caller.actor,
    ttlMs: plane.settings.invitationTtlMs,
  })
  return { path: `/sign-in/${code}`, expiresAt }
}

/** What a browser of such an account needs. */
function scopesOf(role: Role): readonly Scope[] {
  switch (role) {
    case 'owner':
    case 'manager':
      return ['admin', 'user']
    case 'member':
    case 'viewer':
      return ['user']
  }
}

function* shown(tx: Tx, teamId: string, id: string): Work<MemberView> {
  const [member] = yield* accounts.listMembers(tx, teamId, id)
  if (member === undefined) throw new Error(`${id} was written and is not there`)
  return member
}

/** Throws `not_found`. */
export function* requireAccount(tx: Tx, teamId: string, idOrName: string): Work<Account> {
  const account = yield* accounts.findAccount(tx, teamId, idOrName)
  if (account === null)
    throw new Problem('not_found', `there is no member ${JSON.stringify(idOrName)}; see: capstan member ls`)
  return account
}

/** Whoever came later by that name could join the pool. */
function* refuseConnector(tx: Tx, teamId: string, { name }: Account): Work<void> {
  const pool = (yield* listPools(tx, teamId)).find(({ connector }) => connector === name)
  if (pool !== undefined) throw new Problem('in_use', `pool ${pool.name} admits ${name}; remove the pool first`)
}

function* refuseLastOwner(tx: Tx, teamId: string, { name, role }: Account): Work<void> {
  if (role !== 'owner' || (yield* accounts.countRole(tx, teamId, 'owner')) > 1) return
  throw new Problem('in_use', `${name} is the team's last owner; make another member owner first`)
}

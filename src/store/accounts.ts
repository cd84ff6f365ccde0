// Accounts: people and service accounts of a team, each with a role. Tokens belong to one.

import { sql } from 'kysely'
import { Problem } from '../core/problem.ts'
import type { Role } from '../core/role.ts'
import type { AccountKind, MemberView } from '../protocol/access.ts'
import type { Tx, Work } from './port.ts'
import { all, change, first, rowsOf } from './query.ts'

export interface Account {
  readonly id: string
  readonly name: string
  readonly kind: AccountKind
  readonly role: Role
}

export interface NewAccount extends Account {
  readonly teamId: string
  readonly createdBy: string
}

/** Throws Problem `already_exists` when the team has one by that name. */
export function* createAccount(tx: Tx, account: NewAccount): Work<Account> {
  const { id, teamId, name, kind, role, createdBy } = account
  const row = { id, team_id: teamId, name, kind, role, created_at: tx.now, created_by: createdBy }
  const insert = tx.db.insertInto('accounts').values(row)
  const made = yield* change(insert.onConflict((on) => on.columns(['team_id', 'name']).doNothing()).compile())
  if (made === 0) throw new Problem('already_exists', `member ${name} exists; choose another name`)
  return { id, name, kind, role }
}

export function* findAccount(tx: Tx, teamId: string, idOrName: string): Work<Account | null> {
  const query = tx.db.selectFrom('accounts').select(['id', 'name', 'kind', 'role']).where('team_id', '=', teamId)
  const named = query.where((of) => of.or([of('id', '=', idOrName), of('name', '=', idOrName)]))
  return yield* first(named.compile())
}

/** How many of the team's accounts have this role. */
export function* countRole(tx: Tx, teamId: string, role: Role): Work<number> {
  const query = tx.db.selectFrom('accounts').select('id').where('team_id', '=', teamId).where('role', '=', role)
  return (yield* all(query.compile())).length
}

/** Its live connections end with this: they come back with the new role. */
export function* setRole(tx: Tx, accountId: string, role: Role): Work<void> {
  yield* change(tx.db.updateTable('accounts').set({ role }).where('id', '=', accountId).compile())
  for (const tokenId of yield* validTokens(tx, accountId)) tx.notify({ kind: 'token_revoked', tokenId })
}

/** Its tokens, sessions and invitations are revoked with it. */
export function* removeAccount(tx: Tx, accountId: string): Work<void> {
  for (const tokenId of yield* validTokens(tx, accountId)) tx.notify({ kind: 'token_revoked', tokenId })
  const revoke = tx.db.updateTable('tokens').set({ revoked_at: tx.now }).where('account_id', '=', accountId)
  yield* change(revoke.where('revoked_at', 'is', null).compile())
  yield* change(tx.db.deleteFrom('accounts').where('id', '=', accountId).compile())
}

function* validTokens(tx: Tx, accountId: string): Work<string[]> {
  const query = tx.db.selectFrom('tokens').select('id').where('account_id', '=', accountId)
  return (yield* all(query.where('revoked_at', 'is', null).compile())).map(({ id }) => id)
}

interface MemberRow {
  readonly id: string
  readonly name: string
  readonly kind: AccountKind
  readonly role: Role
  readonly created_at: number
  readonly created_by: string
  readonly tokens: number
  readonly last_used_at: number | null
}

/** By name. `id`: only this one. */
export function* listMembers(tx: Tx, teamId: string, id: string | null = null): Work<MemberView[]> {
  const rows = yield* rowsOf(
    tx,
    sql<MemberRow>`select a.id, a.name, a.kind, a.role, a.created_at, a.created_by,
      (select count(*) from tokens t where t.account_id = a.id and t.kind = 'token' and t.revoked_at is null
        and (t.expires_at is null or t.expires_at > ${tx.now})) as tokens,
      (select max(t.last_used_at) from tokens t where t.account_id = a.id) as last_used_at
      from accounts a where a.team_id = ${teamId} ${id === null ? sql`` : sql`and a.id = ${id}`} order by a.name`,
  )
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    kind: row.kind,
    role: row.role,
    createdAt: row.created_at,
    createdBy: row.created_by,
    tokens: row.tokens,
    lastUsedAt: row.last_used_at,
  }))
}

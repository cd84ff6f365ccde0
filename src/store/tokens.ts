// Tokens: bearer tokens, page sessions and one-time sign-ins. Only hashes are stored.

import type { Selectable } from 'kysely'
import type { Role } from '../core/role.ts'
import type { AccountKind, Scope, TokenView } from '../protocol/access.ts'
import type { Tx, Work } from './port.ts'
import { all, change, first, parseJson } from './query.ts'
import type { Schema } from './schema.ts'

/** `token`: shown in lists. `session`: a signed-in page. `sign_in`: a link that works once. */
export type TokenKind = 'token' | 'session' | 'sign_in'

export interface NewToken {
  readonly id: string
  readonly hash: string
  readonly name: string
  readonly teamId: string
  readonly scopes: readonly Scope[]
  readonly kind: TokenKind
  /** Whose it is. */
  readonly accountId: string | null
  readonly createdBy: string
  readonly expiresAt: number | null
}

export interface TokenRecord extends TokenView {
  readonly kind: TokenKind
  readonly accountId: string | null
  readonly accountKind: AccountKind
}

export function* createToken(tx: Tx, given: NewToken): Work<TokenRecord> {
  const row = {
    id: given.id,
    hash: given.hash,
    name: given.name,
    team_id: given.teamId,
    scopes: JSON.stringify(given.scopes),
    kind: given.kind,
    created_by: given.createdBy,
    created_at: tx.now,
    expires_at: given.expiresAt,
    last_used_at: null,
    revoked_at: null,
    account_id: given.accountId,
  }
  yield* change(tx.db.insertInto('tokens').values(row).compile())
  return recordOf({ ...row, ...(yield* accountColumns(tx, given.accountId)) })
}

/** The token with this hash; null when there is none, or it is revoked, expired or a sign-in (which only `consumeSignIn` takes). */
export function* findTokenByHash(tx: Tx, hash: string): Work<TokenRecord | null> {
  const row = yield* first(withAccount(tx).where('tokens.hash', '=', hash).compile())
  return row === null || row.kind === 'sign_in' || !valid(row, tx.now) ? null : recordOf(row)
}

/** The team's tokens, without sessions and sign-ins; not the revoked ones. By age. */
export function* listTokens(tx: Tx, teamId: string): Work<TokenRecord[]> {
  const query = withAccount(tx).where('tokens.team_id', '=', teamId).where('tokens.kind', '=', 'token')
  const rows = yield* all(query.where('tokens.revoked_at', 'is', null).orderBy('tokens.created_at').compile())
  return rows.map(recordOf)
}

/** False: the team has none by that id, or it was revoked before. */
export function* revokeToken(tx: Tx, teamId: string, id: string): Work<boolean> {
  const update = tx.db.updateTable('tokens').set({ revoked_at: tx.now }).where('id', '=', id)
  const open = update.where('team_id', '=', teamId).where('revoked_at', 'is', null)
  if ((yield* change(open.compile())) === 0) return false
  tx.notify({ kind: 'token_revoked', tokenId: id })
  return true
}

/** Notes that these tokens were used now. Callers gather ids and say so now and then, not per request. */
export function* touchTokens(tx: Tx, ids: readonly string[]): Work<void> {
  if (ids.length === 0) return
  yield* change(
    tx.db
      .updateTable('tokens')
      .set({ last_used_at: tx.now })
      .where('id', 'in', [...ids])
      .compile(),
  )
}

/** Takes a sign-in, once: the second call with the same hash gives null. */
export function* consumeSignIn(tx: Tx, hash: string): Work<TokenRecord | null> {
  const update = tx.db
    .updateTable('tokens')
    .set({ revoked_at: tx.now, last_used_at: tx.now })
    .where('hash', '=', hash)
    .where('kind', '=', 'sign_in')
    .where('revoked_at', 'is', null)
  const row = yield* first(update.returningAll().compile())
  if (row === null || !valid({ ...row, revoked_at: null }, tx.now)) return null
  return recordOf({ ...row, ...(yield* accountColumns(tx, row.account_id)) })
}

interface AccountColumns {
  readonly account_name: string | null
  readonly account_kind: AccountKind | null
  readonly account_role: Role | null
}

const columns = [
  'accounts.name as account_name',
  'accounts.kind as account_kind',
  'accounts.role as account_role',
] as const

function withAccount(tx: Tx) {
  const joined = tx.db.selectFrom('tokens').leftJoin('accounts', 'accounts.id', 'tokens.account_id')
  return joined.selectAll('tokens').select(columns)
}

function* accountColumns(tx: Tx, id: string | null): Work<AccountColumns> {
  const none = { account_name: null, account_kind: null, account_role: null }
  if (id === null) return none
  return (yield* first(tx.db.selectFrom('accounts').select(columns).where('id', '=', id).compile())) ?? none
}

type TokenRow = Selectable<Schema['tokens']>

function valid(row: TokenRow, now: number): boolean {
  return row.revoked_at === null && (row.expires_at === null || row.expires_at > now)
}

function recordOf(row: TokenRow & AccountColumns): TokenRecord {
  const scopes = parseJson<Scope[]>(row.scopes)
  return {
    id: row.id,
    name: row.name,
    teamId: row.team_id,
    scopes,
    accountId: row.account_name === null ? null : row.account_id,
    account: row.account_name,
    accountKind: row.account_kind ?? 'service',
    // A token from before there were accounts may what it could.
    role: row.account_role ?? (scopes.includes('admin') ? 'owner' : 'member'),
    kind: row.kind as TokenKind, // written from this union
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
  }
}

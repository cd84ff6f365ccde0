// Tokens: bearer tokens, page sessions and one-time sign-ins. Only hashes are stored.

import type { Selectable } from 'kysely'
import type { Scope, TokenView } from '../protocol/fleet.ts'
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
  readonly createdBy: string
  readonly expiresAt: number | null
}

export interface TokenRecord extends TokenView {
  readonly kind: TokenKind
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
  }
  yield* change(tx.db.insertInto('tokens').values(row).compile())
  return recordOf(row)
}

/** The token with this hash; null when there is none, or it is revoked, expired or a sign-in (which only `consumeSignIn` takes). */
export function* findTokenByHash(tx: Tx, hash: string): Work<TokenRecord | null> {
  const row = yield* first(tx.db.selectFrom('tokens').selectAll().where('hash', '=', hash).compile())
  return row === null || row.kind === 'sign_in' || !valid(row, tx.now) ? null : recordOf(row)
}

/** The team's tokens, without sessions and sign-ins; not the revoked ones. By age. */
export function* listTokens(tx: Tx, teamId: string): Work<TokenRecord[]> {
  const query = tx.db.selectFrom('tokens').selectAll().where('team_id', '=', teamId).where('kind', '=', 'token')
  const rows = yield* all(query.where('revoked_at', 'is', null).orderBy('created_at').compile())
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
  return row === null || !valid({ ...row, revoked_at: null }, tx.now) ? null : recordOf(row)
}

type TokenRow = Selectable<Schema['tokens']>

function valid(row: TokenRow, now: number): boolean {
  return row.revoked_at === null && (row.expires_at === null || row.expires_at > now)
}

function recordOf(row: TokenRow): TokenRecord {
  return {
    id: row.id,
    name: row.name,
    teamId: row.team_id,
    scopes: parseJson<Scope[]>(row.scopes),
    kind: row.kind as TokenKind, // written from this union
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
  }
}

// Tokens: made once, shown once, revoked at once.

import { randomBytes } from 'node:crypto'
import { Problem } from '../../core/problem.ts'
import type { Role } from '../../core/role.ts'
import { reaches } from '../../core/role.ts'
import { makeId, makeSecret } from '../../lib/ids.ts'
import type { Scope, TokenView } from '../../protocol/access.ts'
import type { Account } from '../../store/accounts.ts'
import { createAccount, findAccount } from '../../store/accounts.ts'
import type { Tx, Work } from '../../store/port.ts'
import { findTeam } from '../../store/teams.ts'
import type { TokenKind, TokenRecord } from '../../store/tokens.ts'
import * as tokens from '../../store/tokens.ts'
import { hashSecret } from '../auth.ts'
import type { AskedOf } from '../handler.ts'
import type { Caller, Plane } from '../plane.ts'

export interface Issue {
  readonly name: string
  readonly teamId: string
  readonly scopes: readonly Scope[]
  readonly kind: TokenKind
  readonly accountId: string | null
  readonly createdBy: string
  readonly expiresAt: number | null
}

/** Makes a token; the secret is nowhere but in the answer. */
export async function issueToken(plane: Plane, issue: Issue): Promise<{ record: TokenRecord; secret: string }> {
  const secret = makeSecret()
  const id = makeId('tok', plane.clock.now())
  const record = await plane.store.run((tx) => tokens.createToken(tx, { ...issue, id, hash: hashSecret(secret) }))
  return { record, secret }
}

export async function createToken(
  plane: Plane,
  { caller, body }: AskedOf<'createToken'>,
): Promise<TokenView & { secret: string }> {
  const now = plane.clock.now()
  if (body.expiresAt !== undefined && body.expiresAt <= now)
    throw new Problem('invalid_request', `expiresAt ${body.expiresAt} is in the past; the server's time is ${now}`)
  const accountId = makeId('acc', now)
  const scopes = [...new Set(body.scopes)]
  const { teamId, account } = await plane.store.run(function* (tx) {
    const teamId = yield* teamFor(tx, caller, body.team)
    return { teamId, account: yield* accountFor(tx, { id: accountId, teamId, body, createdBy: caller.actor }) }
  })
  const { record, secret } = await issueToken(plane, {
    name: body.name,
    teamId,
    scopes,
    kind: 'token',
    accountId: account.id,
    createdBy: caller.actor,
    expiresAt: body.expiresAt ?? null,
  })
  return { ...viewToken(record), secret }
}

export async function listTokens(plane: Plane, caller: Caller): Promise<{ items: TokenView[] }> {
  const records = await plane.store.read((tx) => tokens.listTokens(tx, caller.teamId))
  return { items: records.map(viewToken) }
}

export async function revokeToken(plane: Plane, caller: Caller, id: string): Promise<undefined> {
  const revoked = await plane.store.run((tx) => tokens.revokeToken(tx, caller.teamId, id))
  if (!revoked) throw new Problem('not_found', `there is no token ${JSON.stringify(id)}`)
}

interface ForAccount {
  readonly id: string
  readonly teamId: string
  readonly body: AskedOf<'createToken'>['body']
  readonly createdBy: string
}

/** The account that is named, or the one of the token's name. Throws `contradiction` when its role makes the scope useless. */
function* accountFor(tx: Tx, { id, teamId, body, createdBy }: ForAccount): Work<Account> {
  const { account: named, name, scopes } = body
  const found = yield* findAccount(tx, teamId, named ?? name)
  if (found === null && named !== undefined)
    throw new Problem('not_found', `there is no member ${JSON.stringify(named)}; add one with: capstan member add`)
  const role: Role = scopes.includes('admin') ? 'owner' : 'member'
  const account = found ?? (yield* createAccount(tx, { id, teamId, name, kind: 'service', role, createdBy }))
  if (scopes.includes('admin') && !reaches(account.role, 'manager'))
    throw new Problem(
      'contradiction',
      `scope admin is of no use to ${account.name}, who is ${account.role}; leave it out, or give another role first`,
    )
  return account
}

/** A code for `/sign-in/<code>`: works once, until it runs out. */
export async function issueSignIn(
  plane: Plane,
  given: Pick<Issue, 'teamId' | 'scopes' | 'accountId' | 'createdBy'> & { readonly ttlMs: number },
): Promise<{ readonly code: string; readonly expiresAt: number }> {
  const code = randomBytes(24).toString('base64url')
  const now = plane.clock.now()
  const { ttlMs, ...whose } = given
  const expiresAt = now + ttlMs
  const row = { ...whose, id: makeId('tok', now), hash: hashSecret(code), name: 'sign-in link', expiresAt }
  await plane.store.run((tx) => tokens.createToken(tx, { ...row, kind: 'sign_in' }))
  return { code, expiresAt }
}

function* teamFor(tx: Tx, caller: Caller, idOrName: string | undefined): Work<string> {
  if (idOrName === undefined) return caller.teamId
  const team = yield* findTeam(tx, idOrName)
  if (team?.id === caller.teamId) return team.id
  // A team's own administrator learns nothing of others, not even whether they exist.
  if (!caller.operator)
    throw new Problem('forbidden', `a token for team ${idOrName} needs an administrator of the server's first team`)
  if (team === null) throw new Problem('not_found', `there is no team ${JSON.stringify(idOrName)}`)
  return team.id
}

function viewToken({ kind: _1, accountId: _2, accountKind: _3, ...view }: TokenRecord): TokenView {
  return view
}

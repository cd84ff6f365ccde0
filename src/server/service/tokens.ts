// Tokens: made once, shown once, revoked at once.

import { Problem } from '../../core/problem.ts'
import { makeId, makeSecret } from '../../lib/ids.ts'
import type { Scope, TokenView } from '../../protocol/fleet.ts'
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
  const teamId = await plane.store.read((tx) => teamFor(tx, caller, body.team))
  const { record, secret } = await issueToken(plane, {
    name: body.name,
    teamId,
    scopes: [...new Set(body.scopes)],
    kind: 'token',
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

function viewToken({ kind: _, ...view }: TokenRecord): TokenView {
  return view
}

// Access for this machine: the first team, the local tokens kept in the data folder (0600), and one-time sign-in links.

import { join } from 'node:path'
import { readFileIfThere, writeFileAtomic } from '../lib/atomic-file.ts'
import { makeId } from '../lib/ids.ts'
import type { Scope } from '../protocol/access.ts'
import { createAccount, findAccount, setRole } from '../store/accounts.ts'
import { createTeam, findTeam, listTeams } from '../store/teams.ts'
import { findTokenByHash } from '../store/tokens.ts'
import { hashSecret } from './auth.ts'
import type { Plane } from './plane.ts'
import { issueSignIn, issueToken } from './service/tokens.ts'

/** The first team: what a server without any talk of teams works in. */
const firstTeam = 'default'

export interface LocalAccess {
  readonly teamId: string
  /** Scopes admin and user. */
  readonly token: string
  /** Scope daemon: for the daemon in the same process. */
  readonly daemonToken: string
}

/** Makes what is missing. Tokens in files are used again as long as the store still takes them. */
export async function prepareLocalAccess(plane: Plane, dataDir: string): Promise<LocalAccess> {
  const teamId = await prepareTeam(plane)
  const local = { plane, teamId, accountId: await localAccount(plane, teamId) }
  const token = await keepToken(local, { path: join(dataDir, 'token'), name: 'local', scopes: ['admin', 'user'] })
  const daemonPath = join(dataDir, 'daemon-token')
  const daemonToken = await keepToken(local, { path: daemonPath, name: 'local', scopes: ['daemon'] })
  return { teamId, token, daemonToken }
}

/** A code for `/sign-in/<code>`: works once, until it runs out. */
export async function makeSignInCode(plane: Plane, teamId: string): Promise<string> {
  const accountId = await localAccount(plane, teamId)
  const ttlMs = plane.settings.signInTtlMs
  const given = { teamId, scopes: ['admin', 'user'] as const, accountId, createdBy: 'server', ttlMs }
  return (await issueSignIn(plane, given)).code
}

/** The owner that whoever may read the data folder is. */
async function localAccount({ store, clock }: Plane, teamId: string): Promise<string> {
  const account = { id: makeId('acc', clock.now()), name: 'local', kind: 'user', role: 'owner' } as const
  return store.run(function* (tx) {
    const found = yield* findAccount(tx, teamId, account.name)
    if (found === null) yield* createAccount(tx, { ...account, teamId, createdBy: 'server' })
    else if (found.role !== 'owner') yield* setRole(tx, found.id, 'owner')
    return found?.id ?? account.id
  })
}

async function prepareTeam(plane: Plane): Promise<string> {
  const id = makeId('team', plane.clock.now())
  return plane.store.run(function* (tx) {
    // The oldest team is the first one, also after somebody made others.
    const [oldest] = yield* listTeams(tx)
    const team = oldest ?? (yield* findTeam(tx, firstTeam)) ?? (yield* createTeam(tx, { id, name: firstTeam }))
    return team.id
  })
}

interface Kept {
  readonly path: string
  readonly name: string
  readonly scopes: readonly Scope[]
}

async function keepToken(
  { plane, teamId, accountId }: { readonly plane: Plane; readonly teamId: string; readonly accountId: string },
  { path, name, scopes }: Kept,
): Promise<string> {
  const kept = readFileIfThere(path)?.trim() ?? ''
  if (kept !== '') {
    const known = await plane.store.read((tx) => findTokenByHash(tx, hashSecret(kept)))
    if (known !== null && known.teamId === teamId && scopes.every((scope) => known.scopes.includes(scope))) return kept
  }
  const { secret } = await issueToken(plane, {
    name,
    teamId,
    scopes,
    kind: 'token',
    accountId,
    createdBy: 'server',
    expiresAt: null,
  })
  writeFileAtomic(path, `${secret}\n`)
  return secret
}

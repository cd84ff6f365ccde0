// Who calls: bearer tokens and browser sessions → caller. Secrets are looked up by hash; what is live is closed when its token goes.

import { createHash } from 'node:crypto'
import { Problem } from '../core/problem.ts'
import { reaches } from '../core/role.ts'
import { roleNeeded } from '../protocol/operation.ts'
import type { Operation, OperationScope } from '../protocol/operations.ts'
import type { Note } from '../store/port.ts'
import type { TokenRecord } from '../store/tokens.ts'
import { findTokenByHash, touchTokens } from '../store/tokens.ts'
import type { Caller, Plane } from './plane.ts'

export const sessionCookie = 'capstan_session'

/** What a request brought to prove who it is. */
export interface Credentials {
  readonly authorization: string | undefined
  readonly cookie: string | undefined
}

interface Known {
  readonly caller: Caller
  readonly expiresAt: number | null
  readonly believedUntil: number
}

interface LiveUse {
  readonly hash: string
  readonly close: () => void
}

export class Auth {
  readonly #plane: Plane
  readonly #operatorTeam: string
  readonly #cache = new Map<string, Known>()
  readonly #used = new Set<string>()
  readonly #live = new Map<string, Set<LiveUse>>()

  /** `operatorTeam`: the team whose administrators look after the whole server. */
  constructor(plane: Plane, operatorTeam: string) {
    this.#plane = plane
    this.#operatorTeam = operatorTeam
  }

  /** Throws `unauthorized` when there is no valid token. A bearer token wins over a cookie. */
  async caller(credentials: Credentials): Promise<Caller> {
    const secret = bearer(credentials.authorization) ?? cookieValue(credentials.cookie, sessionCookie)
    if (secret === null) throw new Problem('unauthorized', 'the request has no token; send Authorization: Bearer cap_…')
    const known = await this.#look(hashSecret(secret))
    if (known === null) throw new Problem('unauthorized', 'the token is unknown, expired or revoked')
    this.#used.add(known.caller.tokenId)
    return known.caller
  }

  /** Ties something live to the caller's token: `close` is called when the token is revoked or runs out. Returns how to untie it. */
  watch(caller: Caller, credentials: Credentials, close: () => void): () => void {
    const secret = bearer(credentials.authorization) ?? cookieValue(credentials.cookie, sessionCookie) ?? ''
    const use = { hash: hashSecret(secret), close }
    const uses = this.#live.get(caller.tokenId) ?? new Set()
    uses.add(use)
    this.#live.set(caller.tokenId, uses)
    return () => {
      uses.delete(use)
      if (uses.size === 0 && this.#live.get(caller.tokenId) === uses) this.#live.delete(caller.tokenId)
    }
  }

  hear(note: Note): void {
    if (note.kind !== 'token_revoked') return
    for (const [hash, known] of this.#cache) if (known.caller.tokenId === note.tokenId) this.#cache.delete(hash)
    this.#drop(note.tokenId)
  }

  /** Writes when tokens were last used and checks those in live use, every `tokenFlushMs` until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#plane.clock.sleep(this.#plane.settings.tokenFlushMs, signal).catch(() => {})
      try {
        await this.flush()
        await this.#recheck()
      } catch (error) {
        this.#plane.log.warn({ err: error }, 'tokens could not be checked') // tried again at the next turn
      }
    }
  }

  /** Writes when tokens were last used. */
  async flush(): Promise<void> {
    const ids = [...this.#used]
    this.#used.clear()
    if (ids.length > 0) await this.#plane.store.run((tx) => touchTokens(tx, ids))
  }

  /** A note may get lost between replicas, and a token may run out: what is live is checked now and then. */
  async #recheck(): Promise<void> {
    this.#prune()
    for (const [tokenId, uses] of [...this.#live]) {
      const [use] = uses
      if (use !== undefined && (await this.#look(use.hash)) === null) this.#drop(tokenId)
    }
  }

  #prune(): void {
    const now = this.#plane.clock.now()
    for (const [hash, known] of this.#cache) if (known.believedUntil <= now) this.#cache.delete(hash)
  }

  #drop(tokenId: string): void {
    const uses = this.#live.get(tokenId)
    this.#live.delete(tokenId)
    for (const use of uses ?? []) use.close()
  }

  async #look(hash: string): Promise<Known | null> {
    const now = this.#plane.clock.now()
    const cached = this.#cache.get(hash)
    if (cached !== undefined && cached.believedUntil > now) return alive(cached, now)
    const token = await this.#plane.store.read((tx) => findTokenByHash(tx, hash))
    if (token === null) return null
    const { id: tokenId, teamId, scopes, role, accountId: id, account: name, accountKind: kind } = token
    const operator = scopes.includes('admin') && role === 'owner' && teamId === this.#operatorTeam
    const account = id === null || name === null ? null : { id, name, kind }
    const caller = { actor: actorOf(token), tokenId, teamId, scopes, role, account, operator }
    const known = { caller, expiresAt: token.expiresAt, believedUntil: now + this.#plane.settings.tokenCacheMs }
    this.#cache.set(hash, known)
    return alive(known, now)
  }
}

/** Throws `forbidden` unless the caller has the scope. `admin` includes `user`; `daemon` is apart. */
export function requireScope(caller: Caller, scope: OperationScope, what: string): void {
  const { scopes } = caller
  const admitted = scope === 'any' || scopes.includes(scope) || (scope === 'user' && scopes.includes('admin'))
  if (!admitted) throw new Problem('forbidden', `${what} needs scope ${scope}; the token has ${scopes.join(', ')}`)
}

/** Throws `forbidden` unless the caller's token has the scope and its account the role. */
export function requireRight(caller: Caller, operation: Operation, what: string): void {
  requireScope(caller, operation.scope, what)
  const needed = roleNeeded(operation)
  if (needed === null || reaches(caller.role, needed)) return
  throw new Problem('forbidden', `${what} needs the role ${needed}; ${nameOf(caller)} is ${caller.role}`)
}

/** How a secret is stored. It has 256 random bits, so a plain hash is enough. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

function alive(known: Known, now: number): Known | null {
  return known.expiresAt !== null && known.expiresAt <= now ? null : known
}

function actorOf(token: Pick<TokenRecord, 'name' | 'account' | 'scopes'>): string {
  const daemonOnly = token.scopes.length === 1 && token.scopes[0] === 'daemon'
  return `${daemonOnly ? 'daemon' : 'user'}:${token.account ?? token.name}`
}

/** The caller's account by name, as pools and the audit log know it. */
export function nameOf({ actor }: Caller): string {
  return actor.slice(actor.indexOf(':') + 1)
}

/** The secret of a bearer token; null for any other Authorization header. */
export function bearer(authorization: string | undefined): string | null {
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? null
}

function cookieValue(cookie: string | undefined, name: string): string | null {
  for (const pair of (cookie ?? '').split(';')) {
    const [key, value] = pair.trim().split('=')
    if (key === name && value !== undefined && value !== '') return value
  }
  return null
}

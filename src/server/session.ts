// The browser's session: a token typed into the page, or a link that works once, becomes a cookie that scripts cannot read.

import type { Context } from 'hono'
import { Problem } from '../core/problem.ts'
import { findTokenByHash, revokeToken } from '../store/tokens.ts'
import type { Auth } from './auth.ts'
import { hashSecret, sessionCookie } from './auth.ts'
import { parseJson, readBytes } from './input.ts'
import type { Plane } from './plane.ts'
import { credentialsOf } from './rest.ts'

/** A token has 47 characters; this leaves room for JSON around it. */
const bodyBytes = 2_000

export interface SessionParts {
  readonly plane: Plane
  readonly auth: Auth
  /** The cookie travels over TLS only. */
  readonly secure: boolean
}

/**
 * `POST /v1/session {token}`: signs the browser in. The cookie holds the token itself, so that revoking the token ends the session too.
 * Throws `unauthorized` for an unknown token, `forbidden` for a daemon's.
 */
export async function beginSession(c: Context, { plane, auth, secure }: SessionParts): Promise<Response> {
  requireOrigin(c)
  const body = parseJson(await readBytes(c.req.raw, bodyBytes, 'the body'), 'the body')
  const token = typeof body === 'object' && body !== null && 'token' in body ? body.token : null
  if (typeof token !== 'string' || !/^cap_[\w-]{1,200}$/.test(token))
    throw new Problem('invalid_request', 'token must be a token as Capstan shows it: cap_…')
  const { scopes } = await auth.caller({ authorization: `Bearer ${token}`, cookie: undefined })
  if (scopes.every((scope) => scope === 'daemon'))
    throw new Problem('forbidden', 'this is a daemon’s token; the page needs one with scope user or admin')
  setCookie(c, token, { secure, maxAgeMs: plane.settings.sessionTtlMs })
  return c.body(null, 204)
}

/** `DELETE /v1/session`: signs out. A session that a link began is over for good; a token stays what it is. */
export async function endSession(c: Context, { plane, secure }: SessionParts): Promise<Response> {
  requireOrigin(c)
  const secret = new RegExp(`(?:^|; *)${sessionCookie}=([^;]+)`).exec(credentialsOf(c).cookie ?? '')?.[1]
  if (secret !== undefined) {
    await plane.store.run(function* (tx) {
      const token = yield* findTokenByHash(tx, hashSecret(secret))
      if (token?.kind === 'session') yield* revokeToken(tx, token.teamId, token.id)
    })
  }
  setCookie(c, '', { secure, maxAgeMs: 0 })
  return c.body(null, 204)
}

/** Sets the session's cookie on an answer. */
export function setCookie(c: Context, secret: string, given: { secure: boolean; maxAgeMs: number }): void {
  const attributes = `Path=/; HttpOnly; SameSite=Strict; Max-Age=${Math.floor(given.maxAgeMs / 1_000)}`
  c.header('set-cookie', `${sessionCookie}=${secret}; ${attributes}${given.secure ? '; Secure' : ''}`)
  c.header('cache-control', 'no-store')
}

/** A browser names its origin, which the guard has checked; a form of another site cannot send JSON without it. */
function requireOrigin(c: Context): void {
  if (c.req.header('origin') === undefined)
    throw new Problem('origin_refused', 'a browser that signs in or out must name its origin')
}

// Signing a browser in: a link that works once becomes a session cookie. Loopback is not exempt.

import type { Context } from 'hono'
import { Problem } from '../core/problem.ts'
import { consumeSignIn } from '../store/tokens.ts'
import { hashSecret } from './auth.ts'
import type { Plane } from './plane.ts'
import { issueToken } from './service/tokens.ts'
import { setCookie } from './session.ts'

/** Takes the code and answers with a redirect to the page. Throws `unauthorized` when it was used or has run out. */
export async function signIn(c: Context, plane: Plane, code: string, secure: boolean): Promise<Response> {
  const taken = await plane.store.run((tx) => consumeSignIn(tx, hashSecret(code)))
  if (taken === null) throw new Problem('unauthorized', 'this sign-in link was used before or has run out')
  const ttlMs = plane.settings.sessionTtlMs
  const { secret } = await issueToken(plane, {
    name: 'browser',
    teamId: taken.teamId,
    scopes: taken.scopes,
    kind: 'session',
    accountId: taken.accountId,
    createdBy: `sign-in:${taken.id}`,
    expiresAt: plane.clock.now() + ttlMs,
  })
  setCookie(c, secret, { secure, maxAgeMs: ttlMs })
  return c.redirect('/', 303)
}

// Beginning and ending the browser's session; the cookie is the server's to set.

import { isProblemCode, Problem } from '../../src/core/problem.ts'

/** Throws the server's problem when the token is not one. */
export async function signIn(token: string): Promise<void> {
  await ask('POST', JSON.stringify({ token }))
}

export async function signOut(): Promise<void> {
  await ask('DELETE', null)
}

async function ask(method: string, body: string | null): Promise<void> {
  const response = await fetch('/v1/session', { method, body, headers: { 'content-type': 'application/json' } })
  if (response.ok) return
  const said = (await response.json()) as { code?: unknown; detail?: unknown } // RFC 9457
  throw new Problem(isProblemCode(said.code) ? said.code : 'unavailable', String(said.detail ?? response.status))
}

// Whose account Codex uses on this host, and the file of credentials that it renews by itself.

import { claimsOf, fingerprint, keyAccount } from './account.ts'
import { numberOf, objectOf, parseObject, textOf } from './json.ts'
import type { Credentials, HostProbe, TokenEntry } from './port.ts'

const keys = ['CODEX_API_KEY', 'CODEX_ACCESS_TOKEN', 'OPENAI_API_KEY']

export function codexAccount(host: HostProbe): string | null {
  const signedIn = authFile(host)
  const id = textOf(objectOf(signedIn?.tokens)?.account_id)
  if (id !== null) return fingerprint('account', id)
  const key = textOf(signedIn?.OPENAI_API_KEY)
  return key === null ? keyAccount(host.env, keys) : fingerprint('key', key)
}

/** What it renews in auth.json. */
export const codexTokens: TokenEntry = {
  at: ['tokens'],
  tokens: ['id_token', 'access_token', 'refresh_token'],
  expires: 'access_token',
  longestMs: 14 * 86_400_000, // they hold 10 days
  earlyMs: 3 * 86_400_000, // some versions renew them after 8
  stamp: 'last_refresh',
}

/** Only a sign-in with tokens is renewed; a key is not. */
export function codexCredentials(host: HostProbe): Credentials | null {
  const tokens = objectOf(authFile(host)?.tokens)
  if (tokens === null) return null
  const seconds = numberOf(claimsOf(tokens.access_token).exp)
  return { path: pathOf(host), freshUntil: seconds === null ? null : seconds * 1_000 }
}

function authFile(host: HostProbe) {
  return parseObject(host.read(pathOf(host)) ?? '')
}

function pathOf({ env }: HostProbe): string {
  return `${env.CODEX_HOME || `${env.HOME ?? ''}/.codex`}/auth.json`
}

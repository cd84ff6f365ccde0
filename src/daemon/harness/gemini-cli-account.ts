// Whose account Gemini CLI uses on this host, and the file of credentials that it renews by itself.

import { fingerprint, keyAccount } from './account.ts'
import { numberOf, objectOf, parseObject, textOf } from './json.ts'
import type { Credentials, HostProbe, TokenEntry } from './port.ts'

const keys = ['GEMINI_API_KEY', 'GOOGLE_API_KEY']

export function geminiAccount(host: HostProbe): string | null {
  if (!signsIn(host)) return keyAccount(host.env, keys)
  const email = textOf(parseObject(host.read(`${folderOf(host)}/google_accounts.json`) ?? '')?.active)
  return email === null ? null : fingerprint('account', email)
}

/** What it renews in oauth_creds.json. */
export const geminiTokens: TokenEntry = {
  at: [],
  tokens: ['access_token', 'refresh_token', 'id_token'],
  expires: 'expiry_date',
  longestMs: 48 * 3_600_000, // they hold an hour
}

export function geminiCredentials(host: HostProbe): Credentials | null {
  if (!signsIn(host)) return null
  const path = `${folderOf(host)}/oauth_creds.json`
  return { path, freshUntil: numberOf(parseObject(host.read(path) ?? '')?.expiry_date) }
}

/** With a Google account: chosen in its settings, or all that is there. */
function signsIn(host: HostProbe): boolean {
  const settings = parseObject(host.read(`${folderOf(host)}/settings.json`) ?? '')
  const chosen = textOf(objectOf(objectOf(settings?.security)?.auth)?.selectedType)
  if (chosen !== null) return chosen === 'oauth-personal'
  return keyAccount(host.env, keys) === null && host.read(`${folderOf(host)}/oauth_creds.json`) !== null
}

function folderOf({ env }: HostProbe): string {
  return `${env.GEMINI_CLI_HOME || (env.HOME ?? '')}/.gemini`
}

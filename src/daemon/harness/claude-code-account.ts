// Whose account Claude Code uses on this host, and the file of credentials that it renews by itself.

import { fingerprint, keyAccount } from './account.ts'
import { numberOf, objectOf, parseObject, textOf } from './json.ts'
import type { Credentials, HostProbe, TokenEntry } from './port.ts'

/** In the order in which the CLI prefers them. */
const keys = ['ANTHROPIC_AUTH_TOKEN', 'ANTHROPIC_API_KEY', 'CLAUDE_CODE_OAUTH_TOKEN']

export function claudeAccount(host: HostProbe): string | null {
  const key = keyAccount(host.env, keys)
  if (key !== null) return key
  const { env } = host
  const file = env.CLAUDE_CONFIG_DIR ? `${env.CLAUDE_CONFIG_DIR}/.claude.json` : `${env.HOME ?? ''}/.claude.json`
  const signedIn = objectOf(parseObject(host.read(file) ?? '')?.oauthAccount)
  // Limits are those of the organisation's plan, for each of its members.
  const names = [signedIn?.organizationUuid, signedIn?.accountUuid].map(textOf).filter((each) => each !== null)
  return names.length === 0 ? null : fingerprint('account', names.join(' '))
}

/** What it renews in `.credentials.json`: its own sign-in, and those of MCP servers. */
export const claudeTokens: readonly TokenEntry[] = [
  { at: ['claudeAiOauth'], longestMs: 48 * 3_600_000 }, // they hold 8 hours
  { at: ['mcpOAuth', '*'], longestMs: 31 * 86_400_000 }, // each server decides
].map((entry) => ({
  ...entry,
  tokens: ['accessToken', 'refreshToken'],
  expires: 'expiresAt',
}))

/** On macOS the credentials lie in the keychain, where they cannot be read: then each start may be the one that renews them. */
export function claudeCredentials(host: HostProbe): Credentials | null {
  const { env } = host
  const isOn = (name: string) => !['', '0', 'false'].includes(env[name] ?? '')
  const clouds = ['CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX', 'CLAUDE_CODE_USE_FOUNDRY']
  if (keyAccount(env, keys) !== null || clouds.some(isOn)) return null
  const folder = env.CLAUDE_CONFIG_DIR ?? `${env.HOME ?? ''}/.claude`
  if (textOf(parseObject(host.read(`${folder}/settings.json`) ?? '')?.apiKeyHelper) !== null) return null
  const path = `${folder}/.credentials.json`
  const oauth = objectOf(parseObject(host.read(path) ?? '')?.claudeAiOauth)
  return { path, freshUntil: numberOf(oauth?.expiresAt) }
}

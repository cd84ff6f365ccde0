// What signs Pi in: a provider's key in the environment, an account in auth.json, or a provider of the user's own in models.json.

import type { Json } from './json.ts'
import { objectOf, objectsOf, parseObject, textOf } from './json.ts'
import type { HostProbe, TokenEntry } from './port.ts'
import { hasProviderKey, providerKeys } from './provider-keys.ts'

/** Pi's own, beside the keys that other agents read too (its documentation of providers, 0.87). */
const ownKeys = [
  'ANTHROPIC_AUTH_TOKEN',
  'ANTHROPIC_OAUTH_TOKEN',
  'ANT_LING_API_KEY',
  'META_API_KEY',
  'MINIMAX_CN_API_KEY',
  'RADIUS_API_KEY',
  'XIAOMI_API_KEY',
]

/** A model behind a cloud or a gateway needs these beside its key. */
const besides = ['AZURE_OPENAI_*', 'CLOUDFLARE_ACCOUNT_ID', 'CLOUDFLARE_GATEWAY_ID']

export const piPassEnv: readonly string[] = [
  'PI_CODING_AGENT_DIR',
  'PI_CODING_AGENT_SESSION_DIR',
  'PI_PACKAGE_DIR',
  'PI_CACHE_RETENTION',
  ...providerKeys,
  ...ownKeys,
  ...besides,
]

/** What it renews in auth.json; a key there may be a command, and is never an agent's to change. */
export const piTokens: TokenEntry = {
  at: ['*'],
  having: { type: 'oauth' },
  tokens: ['access', 'refresh'],
  expires: 'expires',
  longestMs: 14 * 86_400_000, // those of OpenAI hold 10 days, others hours
}

export function piFolder(env: HostProbe['env']): string {
  return env.PI_CODING_AGENT_DIR || `${env.HOME ?? ''}/.pi/agent`
}

/** Null when signed in, else the sentence with the remedy. */
export function piSignIn(host: HostProbe): string | null {
  if (hasProviderKey(host.env) || ownKeys.some((key) => (host.env[key] ?? '') !== '')) return null
  if (isAmazon(host)) return null
  if (Object.keys(file(host, 'auth.json')).length > 0) return null
  if (Object.keys(providers(host)).length > 0) return null
  return 'Pi is not signed in: run pi and then /login, or set a provider’s key such as ANTHROPIC_API_KEY or OPENAI_API_KEY'
}

/** Variables that models.json reads keys and headers from (`$NAME`, `${NAME}`), and a cloud's own when it is the chosen provider. */
export function piMoreEnv(host: HostProbe): readonly string[] {
  const own = objectsOf(Object.values(providers(host))).flatMap((provider) => [
    textOf(provider.apiKey),
    ...Object.values(objectOf(provider.headers) ?? {}).map(textOf),
  ])
  const names = own.flatMap((value) =>
    [...(value ?? '').matchAll(/(?<!\$)\$\{?([A-Za-z_]\w*)\}?/g)].map(([, name]) => name),
  )
  const amazon = isAmazon(host) ? ['AWS_*'] : []
  const google = textOf(file(host, 'settings.json').defaultProvider) === 'google-vertex' ? ['GOOGLE_*'] : []
  return [...names.filter((name) => name !== undefined), ...amazon, ...google]
}

function isAmazon(host: HostProbe): boolean {
  return textOf(file(host, 'settings.json').defaultProvider) === 'amazon-bedrock'
}

function providers(host: HostProbe): Json {
  return objectOf(file(host, 'models.json').providers) ?? {}
}

function file(host: HostProbe, name: string): Json {
  return parseObject(host.read(`${piFolder(host.env)}/${name}`) ?? '') ?? {}
}

// Names for accounts: the same for the same credentials, and nothing that could be used to sign in.

import { createHash } from 'node:crypto'
import type { Json } from './json.ts'
import { objectOf, parseObject, textOf } from './json.ts'

/** 40 bits of a hash: enough to tell a host's accounts apart, no help to anybody who wants the key. */
export function fingerprint(kind: 'key' | 'account', secret: string): string {
  return `${kind}-${createHash('sha256').update(`capstan ${kind} ${secret}`).digest('hex').slice(0, 10)}`
}

/** The first of these variables that is set, as an account; null: none is. */
export function keyAccount(env: Readonly<Record<string, string | undefined>>, names: readonly string[]): string | null {
  const key = names.map((name) => env[name] ?? '').find((value) => value !== '')
  return key === undefined ? null : fingerprint('key', key)
}

/** The claims of a JSON web token, unchecked; empty when it is none. */
export function claimsOf(token: unknown): Json {
  const part = textOf(token)?.split('.')[1]
  if (part === undefined) return {}
  return objectOf(parseObject(Buffer.from(part, 'base64url').toString('utf8'))) ?? {}
}

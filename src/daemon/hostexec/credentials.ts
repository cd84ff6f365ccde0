// Cleans what programs on the host print of the credentials that stand in addresses, `https://user:password@host/`.

import type { Redactor } from '../../lib/redact.ts'
import { makeRedactor } from '../../lib/redact.ts'
import type { Remote } from './mirror.ts'

/** A name this long is a token, which some forges take in the place of the user. */
const minTokenLength = 20

/** As `redact`, and of the addresses of `remotes` the passwords too, wherever they stand; of any other address what stands before its host. */
export function addressCleaner(redact: Redactor, remotes: readonly Remote[]): Redactor {
  const secrets = remotes.flatMap(({ urls }) => urls.flatMap(secretsIn))
  const known = makeRedactor(Object.fromEntries(secrets.map((secret, at) => [`remote credential ${at + 1}`, secret])))
  return (text) => redact(known(withoutUsers(text)))
}

/** `git@` is everybody's. */
function withoutUsers(text: string): string {
  return text.replace(/:\/\/(?!git@)[^/\s]+@/g, '://***@')
}

function secretsIn(url: string): readonly string[] {
  const [, user] = /^[\w+.-]+:\/\/([^/\s]+)@/.exec(url) ?? []
  if (user === undefined) return []
  const colon = user.indexOf(':')
  const name = colon === -1 ? user : user.slice(0, colon)
  const parts = colon === -1 ? [] : [user, user.slice(colon + 1)]
  const all = name.length < minTokenLength ? parts : [...parts, name]
  return [...new Set(all.flatMap((part) => [part, decoded(part)]))]
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part // a lone % is a character like others
  }
}

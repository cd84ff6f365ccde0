// What an agent's git wants signed, read strictly: a commit or a tag and nothing else, so that the key signs no letter and no login.

/** A commit or a tag, and who it is from. */
export interface Signable {
  readonly kind: 'commit' | 'tag'
  readonly by: { readonly name: string; readonly email: string }
}

/** A message longer than this is none. */
export const maxPayloadBytes = 524_288

const id = '[0-9a-f]{40}(?:[0-9a-f]{24})?'
const moment = '\\d{1,15} [+-]\\d{4}'
const anybody = `[^<>\\n]* <[^<>\\n]*> ${moment}`
const signer = `([^<>\\n]*) <([^<>\\n]*)> ${moment}`
/** Further headers of a commit: what git itself writes there. A signature would be of somebody else. */
const more = '(?:(?:encoding|mergetag|HG:[\\w:-]+) [^\\n]*\\n(?: [^\\n]*\\n)*)*'
const commit = new RegExp(`^tree ${id}\\n(?:parent ${id}\\n){0,64}author ${anybody}\\ncommitter ${signer}\\n${more}\\n`)
const tag = new RegExp(`^object ${id}\\ntype (?:commit|tree|blob|tag)\\ntag [^\\n]+\\ntagger ${signer}\\n\\n`)

/** Null: it is neither. */
export function readSignable(payload: Buffer): Signable | null {
  if (payload.length > maxPayloadBytes) return null
  const text = payload.toString('utf8')
  for (const [kind, form] of [['commit', commit] as const, ['tag', tag] as const]) {
    const [, name, email] = form.exec(text) ?? []
    if (name !== undefined && email !== undefined) return { kind, by: { name, email } }
  }
  return null
}

/** As git writes a name into a commit: without what it takes away at both ends. */
export function asWritten(name: string): string {
  return name.replace(/^[\x00-\x20.,:;<>"'\\]+|[\x00-\x20.,:;<>"'\\]+$/g, '').replace(/[<>\n]/g, '')
}

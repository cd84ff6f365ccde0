// Ids: a prefix that says what it is, then 26 characters that sort by birth (ULID layout, Crockford base 32, lower case).

export type Id<Prefix extends string> = `${Prefix}_${string}`
export type TaskId = Id<'task'>
export type AttemptId = Id<'att'>
export type DaemonId = Id<'dmn'>
export type IdPrefix =
  | 'task'
  | 'att'
  | 'dmn'
  | 'team'
  | 'tok'
  | 'pool'
  | 'prof'
  | 'req'
  | 'boot'
  | 'key'
  | 'acc'
  | 'mdl'

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
const timeCharacters = 10
const randomCharacters = 16

/**
 * Spells an id. Pure: the caller brings the time (ms since the epoch) and 16 random bytes; `lib/ids.ts` is the one place that does.
 */
export function spellId<P extends IdPrefix>(prefix: P, nowMs: number, random: Uint8Array): Id<P> {
  let time = ''
  let rest = Math.max(0, Math.floor(nowMs))
  for (let i = 0; i < timeCharacters; i += 1) {
    time = alphabet.charAt(rest % 32) + time
    rest = Math.floor(rest / 32)
  }
  let body = ''
  for (let i = 0; i < randomCharacters; i += 1) body += alphabet.charAt((random[i] ?? 0) % 32)
  return `${prefix}_${time}${body}`
}

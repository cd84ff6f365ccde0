// What a CLI renewed in its file of credentials, told apart from what else an agent wrote there: pure.

import { claimsOf } from '../harness/account.ts'
import type { Json } from '../harness/json.ts'
import { numberOf, objectOf, textOf } from '../harness/json.ts'
import type { TokenEntry } from '../harness/port.ts'
import { renewalMs } from '../harness/renewal.ts'

/** Of tokens as servers give them: no blank, no quote, nothing that a CLI takes for a command, a variable or a list of settings. */
const tokenShape = /^[A-Za-z0-9][A-Za-z0-9._~+/=:|-]{7,16383}$/
const stampShape = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/

interface Pair {
  readonly to: Json
  readonly from: Json
}

/**
 * What a run's copy (`from`) gives the host's file (`to`): new tokens for those that are about to expire, and for no others, since an agent can
 * write anything there that looks like a token. `now`: ms since the epoch. See `renewed`.
 */
export function renewedByRun(entries: readonly TokenEntry[], pair: Pair, now: number): Json | null {
  return renewed(entries, pair, ({ longestMs, earlyMs = renewalMs }, { before, after }) => {
    return before < now + earlyMs && after <= now + longestMs
  })
}

/** What the host's file (`from`) gives a run's copy (`to`): whatever holds longer. See `renewed`. */
export function renewedByHost(entries: readonly TokenEntry[], pair: Pair): Json | null {
  return renewed(entries, pair, () => true)
}

/** Says of tokens that hold longer than those before whether they are taken; both ms since the epoch. */
type Takes = (entry: TokenEntry, ends: { readonly before: number; readonly after: number }) => boolean

/**
 * `to` with the tokens of those entries that hold longer in `from`; null when there are none. Entries are taken whole, and only where `to` has
 * them: all else in `to` stays as it is. An entry whose new tokens have a strange shape, or are another account's, is left.
 */
function renewed(entries: readonly TokenEntry[], { to, from }: Pair, takes: Takes): Json | null {
  const result = entries.reduce<Json>((json, entry) => {
    const next = within(entry.at, { to: json, from }, (pair) => newer(entry, pair, takes))
    if (next === null || next === json) return json
    const stamp = entry.stamp === undefined ? null : textOf(from[entry.stamp])
    return stamp !== null && stampShape.test(stamp) ? { ...next, [entry.stamp ?? '']: stamp } : next
  }, to)
  return result === to ? null : result
}

/** `to` with what `change` makes of each place that the path names; the same object when that is nothing. */
function within(path: readonly string[], { to, from }: Pair, change: (pair: Pair) => Json | null): Json | null {
  const [key, ...rest] = path
  if (key === undefined) return change({ to, from })
  const keys = (key === '*' ? Object.keys(to) : [key]).filter((each) => Object.hasOwn(to, each))
  const changed = keys.flatMap((each) => {
    const [inner, other] = [objectOf(to[each]), Object.hasOwn(from, each) ? objectOf(from[each]) : null]
    const next = inner === null || other === null ? null : within(rest, { to: inner, from: other }, change)
    return next === null || next === inner ? [] : [[each, next] as const]
  })
  return changed.length === 0 ? to : { ...to, ...Object.fromEntries(changed) }
}

function newer(entry: TokenEntry, { to, from }: Pair, takes: Takes): Json | null {
  const { having = {}, tokens, expires } = entry
  if (Object.entries(having).some(([name, value]) => to[name] !== value || from[name] !== value)) return null
  const [before, after] = [untilOf(to[expires]), untilOf(from[expires])]
  if (before === null || after === null || after <= before || !takes(entry, { before, after })) return null
  const given = tokens.filter((name) => textOf(to[name]) !== null && from[name] !== undefined)
  const fit = given.every((name) => tokenShape.test(textOf(from[name]) ?? '') && sameAccount(to[name], from[name]))
  if (given.length === 0 || !fit) return null
  const changed = [...given, expires].map((name) => [name, from[name]])
  return { ...to, ...Object.fromEntries(changed) }
}

/** A time, or a token that says it, ms since the epoch. */
function untilOf(value: unknown): number | null {
  const seconds = numberOf(claimsOf(value).exp)
  return numberOf(value) ?? (seconds === null ? null : seconds * 1_000)
}

/** Tokens that name whose they are must name the same. */
function sameAccount(before: unknown, after: unknown): boolean {
  const [one, other] = [claimsOf(before), claimsOf(after)]
  return one.sub === other.sub && one.iss === other.iss
}

// The one place that makes ids: core spells them, this brings time and randomness.

import { randomBytes } from 'node:crypto'
import type { Id, IdPrefix } from '../core/id.ts'
import { spellId } from '../core/id.ts'

/** A new id. Two made in the same millisecond differ by 80 random bits. */
export function makeId<P extends IdPrefix>(prefix: P, nowMs: number): Id<P> {
  return spellId(prefix, nowMs, randomBytes(16))
}

/** A secret of 256 bits, as `cap_` and 43 characters; only its hash is stored. */
export function makeSecret(): string {
  return `cap_${randomBytes(32).toString('base64url')}`
}

// The one place that makes ids: core spells them, this brings time and randomness.

import { randomBytes, randomFillSync } from 'node:crypto'
import type { Id, IdPrefix } from '../core/id.ts'
import { spellId } from '../core/id.ts'

/** A new id. Two made in the same millisecond differ by 80 random bits. */
export function makeId<P extends IdPrefix>(prefix: P, nowMs: number): Id<P> {
  return spellId(prefix, nowMs, nextRandom())
}

const idBytes = 16
/** Random bytes drawn ahead for 256 ids: a call for each costs ten times as much. */
const pool = Buffer.alloc(idBytes * 256)
let used = pool.length

function nextRandom(): Uint8Array {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += idBytes
  return pool.subarray(used - idBytes, used)
}

/** A secret of 256 bits, as `cap_` and 43 characters; only its hash is stored. */
export function makeSecret(): string {
  return `cap_${randomBytes(32).toString('base64url')}`
}

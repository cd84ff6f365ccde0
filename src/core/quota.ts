// Limits of an account as tasks feel them: until when one that met a spent quota is parked, and how often it may be sent elsewhere.

import { isOpen } from './attempt.ts'
import type { Task } from './task.ts'

/** What is done about a spent quota or a rate limit that does not go away. */
export type OnRateLimit = 'wait' | 'park' | 'failover'

/** A task goes where a limit is not felt, if anybody may take it; else it is parked. */
export const defaultOnRateLimit: OnRateLimit = 'failover'

/** Where nobody says when a quota returns the waits double up to this: the common windows are 1 h, 5 h and a day. */
export const maxBlindWaitMs = 14_400_000
/** Tasks that wait for one moment come back over a tenth of their wait, at most over a minute: 100 of them are then 2 a second. */
const spreadShare = 0.1
const maxSpreadMs = 60_000
/** A task that met a limit on so many hosts in a row waits for its time: each visit costs a start of an agent. */
export const maxMoves = 8

/** A monthly limit and a day: what is further away was read wrongly. */
export const farthestMs = 2_764_800_000

export interface Met {
  /** When the quota returns, as the agent or its host said; null: nobody knows. */
  readonly resetAt: number | null
  readonly now: number
  /** The first wait where nobody knows, ms. */
  readonly quotaMs: number
}

/** When a task that meets a spent quota is queued again, ms since the epoch. Pure: the spread comes of the task's id. */
export function parkedUntil(task: Task, { resetAt, now, quotaMs }: Met): number {
  // A time that has passed was told late: once it is believed, the second time it is no help.
  const stale = resetAt !== null && resetAt <= now
  if (stale && metInARow(task) === 0) return now
  const at = resetAt === null || stale ? now + blindWait(metInARow(task), quotaMs) : Math.min(resetAt, now + farthestMs)
  return Math.round(at + spread(task.id, at - now))
}

/** How long to wait when nobody says when a quota returns: `first`, doubled with each time in a row. */
export function blindWait(before: number, firstMs: number): number {
  return Math.min(Math.max(maxBlindWaitMs, firstMs), firstMs * 2 ** Math.min(before, 30))
}

/** The task's latest ended attempts that all met a spent quota. */
export function metInARow({ attempts }: Task): number {
  const ended = attempts.filter((attempt) => !isOpen(attempt))
  const other = ended.findLastIndex((attempt) => !('reason' in attempt) || attempt.reason !== 'quota')
  return ended.length - 1 - other
}

/** A part of `waitMs` that is another for each id and always the same for one. */
export function spread(id: string, waitMs: number): number {
  return Math.round(fraction(id) * Math.min(maxSpreadMs, Math.max(0, waitMs) * spreadShare))
}

/** 0 … 1, by FNV-1a: ids made in one millisecond differ in their last letters only, and still fall far apart. */
function fraction(id: string): number {
  let hash = 0x811c9dc5
  for (const letter of id) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32
}

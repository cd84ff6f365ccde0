// Figures over the last days, computed from what is stored: nothing is sampled, so they are right after a restart too.

import type { Stats } from '../../protocol/board.ts'
import type { AttemptView } from '../../protocol/task.ts'
import type { EndedAttempt, Passage } from '../../store/jobs.ts'
import { endedSince, passagesSince } from '../../store/jobs.ts'
import type { Outcome } from '../../store/port.ts'
import type { AskedOf } from '../handler.ts'
import type { Plane } from '../plane.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const defaultDays = 7
/** Above this the oldest are left out: a chart needs no more, and the read stays short. */
const rowLimit = 50_000

export async function getStats(plane: Plane, { caller, query }: AskedOf<'getStats'>): Promise<Stats> {
  const days = query.days ?? defaultDays
  const bucketMs = days <= 2 ? hourMs : days <= 14 ? 6 * hourMs : dayMs
  return plane.store.read(function* (tx) {
    const since = (Math.floor(tx.now / bucketMs) + 1) * bucketMs - days * dayMs
    const span = { since, limit: rowLimit }
    const passages = yield* passagesSince(tx, caller.teamId, span)
    const ended = yield* endedSince(tx, caller.teamId, span)
    const starts = Array.from({ length: (days * dayMs) / bucketMs }, (_, i) => since + i * bucketMs)
    const paid = ended.map(costOf)
    return {
      since,
      bucketMs,
      buckets: starts.map((at) => bucketOf({ at, end: at + bucketMs }, passages, paid)),
      outcomes: outcomesOf(ended),
    }
  })
}

interface Paid {
  readonly endedAt: number
  readonly tokens: number
  readonly costUsd: number
}

function bucketOf({ at, end }: { at: number; end: number }, passages: readonly Passage[], paid: readonly Paid[]) {
  const waits = passages
    .filter((each) => each.begun !== null && each.begun >= at && each.begun < end)
    .map((each) => (each.begun ?? 0) - each.made)
    .sort((a, b) => a - b)
  const here = paid.filter((each) => each.endedAt >= at && each.endedAt < end)
  return {
    at,
    waiting: passages.filter((each) => each.made < end && (each.begun ?? each.ended ?? Infinity) >= end).length,
    started: waits.length,
    startP50Ms: quantile(waits, 0.5),
    startP95Ms: quantile(waits, 0.95),
    tokens: here.reduce((sum, each) => sum + each.tokens, 0),
    costUsd: here.reduce((sum, each) => sum + each.costUsd, 0),
  }
}

function costOf({ endedAt, outcome }: EndedAttempt): Paid {
  const known = outcome === null ? null : (JSON.parse(outcome) as Outcome) // written by the store from one
  const tokens = Object.values(known?.usage ?? {}).reduce((sum, each) => sum + each, 0)
  return { endedAt, tokens, costUsd: known?.costUsd ?? 0 }
}

function outcomesOf(ended: readonly EndedAttempt[]): Stats['outcomes'] {
  const groups = Map.groupBy(ended, (each) => `${each.state} ${each.reason ?? ''}`)
  return [...groups.values()]
    .map((each) => ({
      state: (each[0]?.state ?? 'failed') as AttemptView['state'], // the store writes this union
      reason: each[0]?.reason ?? null,
      n: each.length,
    }))
    .sort((a, b) => b.n - a.n)
}

/** Of sorted numbers. */
function quantile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null
}

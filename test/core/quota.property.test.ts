// A spent quota: it costs nothing, comes to an end by itself, and moves a task only so often.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide } from '../../src/core/decide.ts'
import type { AttemptId } from '../../src/core/id.ts'
import {
  blindWait,
  farthestMs,
  maxBlindWaitMs,
  maxMoves,
  metInARow,
  parkedUntil,
  spread,
} from '../../src/core/quota.ts'
import { defaultRetryPolicy } from '../../src/core/retry.ts'
import type { Task } from '../../src/core/task.ts'
import type { Draw } from './task-world.ts'
import { draw, play, terms } from './task-world.ts'

const lives = fc.tuple(terms, fc.boolean(), fc.array(draw, { maxLength: 80, size: 'max' }))

function always(holds: (life: ReturnType<typeof play>) => void): void {
  fc.assert(
    fc.property(lives, ([taskTerms, waiting, draws]) => {
      holds(play(taskTerms, waiting, draws as Draw[])) // fast-check widens the union's tags
    }),
    { numRuns: 1_000 },
  )
}

/** A life in which a host claims the task and meets a spent quota, so many times running. */
function meetings(count: number, { stays = false, again = 'reroute' as 'reroute' | 'quota_over' } = {}): Task {
  const once: Draw[] = [
    { kind: 'claim', daemon: 0 },
    {
      kind: 'owner',
      type: 'fail',
      attempt: 0,
      epochOff: 0,
      reason: 'quota',
      changed: false,
      detail: 'You have hit your limit',
      resetIn: null,
      stays,
    },
  ]
  const draws = Array.from({ length: count }, () => [...once, { kind: 'plain', type: again } as const]).flat()
  return play({ maxAttempts: 1, retryOn: [], expect: 'nothing', review: 'none', expiresAt: null }, false, draws).task
}

describe('a spent quota, in any life of a task', () => {
  it('costs no attempt and is no repeated failure', () => {
    always(({ steps }) => {
      for (const { before, after, entries } of steps) {
        const end = entries.find((entry) => entry.type === 'attempt_ended')
        if (end?.type !== 'attempt_ended' || end.reason !== 'quota') continue
        expect(after.spent).toEqual({ ...before.spent, freeInARow: 0 })
        expect(after.status.state).toBe('parked')
      }
    })
  })

  it('parks until a time that is neither past nor more than the longest wait and its spread away', () => {
    always(({ steps }) => {
      for (const { entries, now, command } of steps) {
        const parked = entries.find((entry) => entry.type === 'quota_parked')
        if (parked?.type !== 'quota_parked' || command.type !== 'fail') continue
        const known = command.resetAt !== null && command.resetAt > now ? command.resetAt : null
        expect(parked.until).toBeGreaterThanOrEqual(known ?? now)
        expect(parked.until).toBeLessThanOrEqual((known ?? now + maxBlindWaitMs) + 60_000)
      }
    })
  })

  it('ends by itself: the parked task is queued at its time, and not one that stays before', () => {
    always(({ steps }) => {
      for (const { before, after, command } of steps) {
        if (before.status.state !== 'parked' || before.status.why !== 'quota') continue
        if (command.type === 'quota_over') expect(after.status).toMatchObject({ state: 'queued', why: 'quota_over' })
        if (command.type === 'reroute' && before.status.stays === true) expect(after.status).toBe(before.status)
      }
    })
  })
})

it('is not waited for longer than a month and a day, whatever time its host was told', () => {
  const until = parkedUntil(meetings(1), { resetAt: 253_402_300_799_000, now: 1_000, quotaMs: 1_000 })
  expect(until).toBeLessThanOrEqual(1_000 + farthestMs + 60_000)
})

describe('a task that meets a limit again and again', () => {
  it('is sent elsewhere so often, and then waits for its time', () => {
    expect(meetings(maxMoves - 1).status).toMatchObject({ state: 'queued', why: 'rerouted' })
    expect(meetings(maxMoves).status).toMatchObject({ state: 'parked', why: 'quota' })
    expect(meetings(maxMoves + 3, { again: 'quota_over' }).status).toMatchObject({ state: 'queued', why: 'quota_over' })
    expect(metInARow(meetings(4, { again: 'quota_over' }))).toBe(4)
  })

  it('goes on when a person says that there is quota again', () => {
    const parked = meetings(2, { stays: true })
    const decision = decide(parked, { type: 'retry', by: 'user:x' }, 5_000)
    expect(decision).toEqual({ ok: true, entries: [{ type: 'queued', why: 'by_hand', notBefore: 5_000 }] })
  })

  it('stays where it was told to', () => {
    expect(meetings(1, { stays: true }).status).toMatchObject({ state: 'parked', stays: true })
  })

  it('waits longer each time when nobody says how long, up to four hours', () => {
    const waits = Array.from({ length: 8 }, (_, before) => blindWait(before, defaultRetryPolicy.quotaMs) / 60_000)
    expect(waits).toEqual([15, 30, 60, 120, 240, 240, 240, 240])
  })

  it('comes back spread out: 100 tasks that wait for one moment never come more than six within a second', () => {
    const waitMs = 3_600_000
    const ids = Array.from({ length: 100 }, (_, i) => `task_01jd2x4mfk8q5v3t9h7w6b${String(i).padStart(4, '0')}`)
    const seconds = Map.groupBy(ids, (id) => Math.floor(spread(id, waitMs) / 1_000))
    expect(Math.max(...[...seconds.values()].map((group) => group.length))).toBeLessThanOrEqual(6)
    expect(seconds.size).toBeGreaterThan(40)
    expect(spread(ids[0] ?? '', 2_000)).toBeLessThanOrEqual(200)
  })

  it('spreads by id alone, so that a log folds to the same time', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), (id, waitMs) => {
        expect(spread(id, waitMs)).toBe(spread(id as AttemptId, waitMs))
        expect(spread(id, waitMs)).toBeLessThanOrEqual(60_000)
        expect(spread(id, waitMs)).toBeGreaterThanOrEqual(0)
      }),
    )
  })
})

// Whatever is asked of a task, in whatever order, these hold.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isOpen } from '../../src/core/attempt.ts'
import { decide } from '../../src/core/decide.ts'
import { fold } from '../../src/core/evolve.ts'
import { reasons } from '../../src/core/reason.ts'
import { isTerminal, openAttempt } from '../../src/core/task.ts'
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

describe('any sequence of commands', () => {
  it('leaves a log whose fold is the task', () => {
    always(({ log, task }) => expect(fold(log)).toEqual(task))
  })

  it('gives version 1, 2, 3 … one for each entry', () => {
    always(({ log, task }) => expect(task.version).toBe(log.length))
  })

  it('has at most one open attempt, and it is the latest', () => {
    always(({ steps }) => {
      for (const { after } of steps) {
        const open = after.attempts.filter(isOpen)
        expect(open.length).toBeLessThanOrEqual(1)
        if (open[0] !== undefined) expect(after.attempts.at(-1)).toBe(open[0])
      }
    })
  })

  it('gives each epoch to one daemon, and epochs only rise', () => {
    always(({ steps }) => {
      for (const { before, after } of steps) {
        expect(after.epoch).toBeGreaterThanOrEqual(before.epoch)
        const epochs = after.attempts.map((attempt) => attempt.epoch)
        expect(new Set(epochs).size).toBe(epochs.length)
        expect([...epochs].sort((a, b) => a - b)).toEqual(epochs)
      }
    })
  })

  it('refuses every write of a daemon whose epoch was superseded', () => {
    always(({ steps }) => {
      for (const { command, before, refused, entries } of steps) {
        if (!('owner' in command)) continue
        const attempt = before.attempts.find((each) => each.id === command.owner.attemptId)
        const superseded =
          attempt === undefined ||
          attempt.epoch !== command.owner.epoch ||
          (!isOpen(attempt) && attempt.endedBy === 'server')
        if (superseded) expect([refused, entries.length]).toEqual([true, 0])
      }
    })
  })

  it('keeps a terminal state until a person retries or judges', () => {
    always(({ steps }) => {
      for (const { command, before, after } of steps) {
        if (!isTerminal(before) || ['retry', 'accept', 'reject'].includes(command.type)) continue
        expect(after.status).toBe(before.status)
      }
    })
  })

  it('never reopens a cancelled, expired or accepted task', () => {
    always(({ steps }) => {
      for (const { before, after } of steps) {
        const { status } = before
        const closed =
          status.state === 'cancelled' ||
          status.state === 'expired' ||
          (status.state === 'completed' && status.verdict === 'accepted')
        if (closed) expect(after.status).toEqual(status)
      }
    })
  })

  it('keeps the state of task and attempt in step', () => {
    always(({ steps }) => {
      for (const { after } of steps) {
        const open = openAttempt(after)
        const { status } = after
        if (status.state === 'preparing' || status.state === 'running') {
          expect([open?.state, open?.ownership]).toEqual([status.state, 'held'])
        }
        if (status.state === 'parked') expect(status.why === 'host_offline').toBe(open?.ownership === 'lapsed')
        if (status.state === 'queued' && open !== null) expect(open.ownership).toBe('lapsed')
        if (isTerminal(after) && open !== null)
          expect([status.state, open.ownership]).toEqual(['cancelled', 'stopping'])
      }
    })
  })

  it('never charges more than maxAttempts before it fails, nor repeats free ends beyond five', () => {
    always(({ steps }) => {
      for (const { after } of steps) {
        if (isTerminal(after)) continue
        expect(after.spent.charged).toBeLessThan(after.terms.maxAttempts)
        expect(after.spent.freeInARow).toBeLessThan(5)
      }
    })
  })

  it('completes only by an owner’s report that meets what the task expects', () => {
    always(({ steps }) => {
      for (const { command, after, entries } of steps) {
        if (!entries.some((entry) => entry.type === 'completed')) continue
        expect(command.type).toBe('complete')
        if (command.type === 'complete' && after.terms.expect !== 'nothing') expect(command.facts.changed).toBe(true)
      }
    })
  })

  it('retries an agent’s failure only if the task names it', () => {
    always(({ steps }) => {
      for (const { after, entries } of steps) {
        const end = entries.find((entry) => entry.type === 'attempt_ended')
        const queued = entries.find((entry) => entry.type === 'queued')
        if (end?.type !== 'attempt_ended' || queued?.type !== 'queued' || end.reason === null) continue
        if (queued.why === 'retry' && reasons[end.reason] === 'agent') expect(after.terms.retryOn).toContain(end.reason)
        expect(reasons[end.reason]).not.toBe('final')
      }
    })
  })

  it('answers the same command again without changing anything, or refuses it', () => {
    always(({ steps }) => {
      for (const { command, after, now, refused } of steps) {
        if (refused || command.type === 'retry') continue
        const again = decide(after, command, now)
        if (!again.ok) continue
        const repeats =
          command.type === 'reject' ? again.entries.filter((entry) => entry.type !== 'rejected') : again.entries
        expect(repeats).toEqual([])
      }
    })
  })

  it('gives a cancel and a result one winner, the same in status and log', () => {
    always(({ steps, log, task }) => {
      const ends = log.filter((entry) => entry.type === 'completed' || entry.type === 'cancelled')
      const reopened = log.filter((entry) => entry.type === 'reopened').length
      expect(ends.length).toBeLessThanOrEqual(1 + reopened)
      if (task.status.state === 'cancelled') expect(ends.at(-1)?.type).toBe('cancelled')
      expect(steps.every(({ after }) => after.status.state !== 'completed' || openAttempt(after) === null)).toBe(true)
    })
  })
})

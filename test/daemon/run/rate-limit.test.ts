// A CLI that tries its model again and again: what is said of it when, and when it is ended.

import { describe, expect, it } from 'vitest'
import type { OnRateLimit } from '../../../src/core/quota.ts'
import { actAt, afterEvent, RetryWatch, spellWords } from '../../../src/daemon/run/rate-limit.ts'
import type { RunFailure } from '../../../src/daemon/run/state.ts'
import type { ErrorClass, EventBody } from '../../../src/protocol/events.ts'
import { HandClock } from '../../fakes/clock.ts'

function retry(tries: number, kind: ErrorClass | null = 'rate_limit', delayMs: number | null = 500): EventBody {
  return { type: 'retry', tries, limit: 10, delayMs, class: kind, message: `${kind} (429)` }
}

function stderr(line: string): EventBody {
  return { type: 'raw', stream: 'stderr', line }
}

interface Watched {
  readonly clock: HandClock
  readonly watch: RetryWatch
  readonly told: string[]
  ended: RunFailure | null
  /** Turns the clock in steps, so that whoever waits is heard in between. */
  pass(ms: number): Promise<void>
  stop(): void
}

function watched(does: OnRateLimit, tellsTools = true): Watched {
  const clock = new HandClock()
  const told: string[] = []
  const over = new AbortController()
  const watch = new RetryWatch({ clock, does, tellsTools, tell: (message) => told.push(message) })
  const all: Watched = {
    clock,
    watch,
    told,
    ended: null,
    pass: async (ms) => {
      for (let left = ms; left > 0; left -= 1_000) {
        for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
        clock.advance(Math.min(left, 1_000))
      }
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
    },
    stop: () => over.abort(),
  }
  watch.limited(over.signal).then(
    (why) => {
      all.ended = why
    },
    () => {},
  )
  return all
}

describe('retries', () => {
  it('are named by class, span, status and count', () => {
    const spell = afterEvent(null, retry(6), 1_000)
    expect(spell === null ? '' : spellWords(spell, 43_000)).toBe('rate limited: retrying for 42s (429), try 6 of 10')
  })

  it('are one spell until the model answers; notices and errors between them change nothing', () => {
    const first = afterEvent(null, retry(1), 1_000)
    const later = afterEvent(afterEvent(first, { type: 'notice', message: 'x' }, 2_000), retry(2), 3_000)
    expect(later).toMatchObject({ since: 1_000, tries: 2 })
    expect(afterEvent(later, { type: 'text', text: 'on' }, 4_000)).toBeNull()
  })

  it('are read from standard error where an adapter does not tell them, and prose about retries is none', () => {
    const line = 'Attempt 3 failed with status 429. Retrying with backoff... ApiError: too many requests'
    expect(afterEvent(null, stderr(line), 5)).toMatchObject({ class: 'rate_limit', tries: 3, since: 5 })
    expect(afterEvent(null, stderr('retry the build later'), 5)).toBeNull()
    expect(afterEvent(null, { type: 'text', text: 'Retrying after 429' }, 5)).toBeNull()
  })

  it('that are no limit are told, never acted on', () => {
    const spell = afterEvent(null, retry(9, 'network'), 0)
    expect(spell === null ? 0 : actAt(spell)).toBeNull()
  })

  it('are acted on after 90 s, or eight tries, or at once when the next one would come later', () => {
    const at = (event: EventBody) => {
      const spell = afterEvent(null, event, 1_000)
      return spell === null ? null : actAt(spell)
    }
    expect(at(retry(7))).toBe(91_000)
    expect(at(retry(8))).toBe(1_000)
    expect(at(retry(1, 'rate_limit', 3_600_000))).toBe(1_000)
    expect(at(retry(2, 'quota'))).toBe(31_000)
    expect(at(retry(3, 'quota'))).toBe(1_000)
  })
})

describe('a watched agent', () => {
  it('that stays silent after a retry is told of after 20 s, 40 s, 80 s, and ended after 90 s', async () => {
    const all = watched('failover')
    all.watch.heard([retry(1)])
    await all.pass(89_000)
    expect(all.ended).toBeNull()
    expect(all.told.map((each) => /for (\S+) /.exec(each)?.[1])).toEqual(['20s', '40s', '1m20s'])
    await all.pass(2_000)
    expect(all.ended).toMatchObject({ reason: 'quota', class: 'rate_limit', resetAt: null })
    expect(all.ended?.detail).toBe(
      'rate limited: retrying for 1m30s (429), try 1 of 10; the task goes on where it is not felt',
    )
  })

  it('whose CLI says that it waits for an hour is ended at once, with that time', async () => {
    const all = watched('park')
    const at = all.clock.now()
    all.watch.heard([retry(1, 'rate_limit', 3_600_000)])
    await all.pass(1)
    expect(all.ended?.resetAt).toBe(at + 3_600_000)
    expect(all.ended?.detail).toContain('the task waits for the end of the limit')
  })

  it('is left alone with onRateLimit wait, and still told of', async () => {
    const all = watched('wait')
    all.watch.heard([retry(9)])
    await all.pass(200_000)
    expect([all.ended, all.told.length]).toEqual([null, 4])
    all.stop()
  })

  it('that gets an answer is not ended, however often it tried before', async () => {
    const all = watched('failover')
    for (let n = 0; n < 5; n += 1) {
      all.watch.heard([retry(7)])
      await all.pass(60_000)
      all.watch.heard([{ type: 'text', text: 'on' }])
    }
    expect(all.ended).toBeNull()
    all.stop()
  })

  it('that is silent for three minutes with no tool at work is named once; a running tool is not', async () => {
    const all = watched('failover')
    await all.pass(181_000)
    expect(all.told).toEqual([
      'silent for 3m with no tool at work: the agent waits for its model, or tries it again without a word',
    ])
    all.watch.heard([{ type: 'tool_start', id: 't', name: 'Bash', input: {}, title: 'make' }])
    await all.pass(600_000)
    expect(all.told).toHaveLength(1)
    expect(all.ended).toBeNull()
    all.stop()
    const script = watched('failover', false)
    await script.pass(600_000)
    expect(script.told).toEqual([])
    script.stop()
  })
})

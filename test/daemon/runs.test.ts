// What all runs of a daemon share, when its clock is set.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openJournal } from '../../src/daemon/journal/journal.ts'
import type { RunDeps } from '../../src/daemon/run/deps.ts'
import { Runs } from '../../src/daemon/runs.ts'
import { HandClock } from '../fakes/clock.ts'

test('an open request keeps the time it has left when the clock is set, one that was answered none', () => {
  const dir = mkdtempSync(join(tmpdir(), 'capstan-runs-'))
  const clock = new HandClock()
  const { journal } = openJournal(join(dir, 'journal.db'), clock.now())
  try {
    const runs = new Runs({ deps: { journal, clock } as unknown as RunDeps, maxAgents: 1, onRoom: () => {} }) // only what shifting uses
    const until = clock.now() + 600_000
    const [attemptId, requestId] = ['att_a', 'req_a']
    const body = { attemptId, epoch: 1, requestId, kind: 'permission', title: 't', body: {} } as const
    const open = { sent: { ...body, options: [], openForMs: 600_000 }, until }
    journal.talk.keepAsk(attemptId, { key: 'a', times: 1, requestId, title: 't', options: [], open })
    journal.talk.keepAsk(attemptId, { key: 'b', times: 1, requestId: null, title: 't', options: [] })
    runs.shift(3_600_000)
    expect(journal.talk.until(attemptId, requestId)).toBe(until + 3_600_000)
    expect(journal.talk.overdue(until + 3_600_000)).toEqual([])
    expect(journal.talk.overdue(until + 3_660_000)).toEqual([{ attemptId, requestId }])
    expect(journal.talk.asks(attemptId).map(({ open: kept }) => kept)).toEqual([
      { ...open, until: until + 3_600_000 },
      null,
    ])
    runs.shift(-3_600_000)
    expect(journal.talk.until(attemptId, requestId)).toBe(until)
  } finally {
    journal[Symbol.dispose]()
    rmSync(dir, { recursive: true })
  }
})

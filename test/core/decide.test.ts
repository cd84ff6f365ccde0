// The rules of SPEC 3 that people rely on, one each.

import { describe, expect, it } from 'vitest'
import type { Command } from '../../src/core/command.ts'
import { decide } from '../../src/core/decide.ts'
import { evolve } from '../../src/core/evolve.ts'
import { spread } from '../../src/core/quota.ts'
import { normaliseFailure } from '../../src/core/reason.ts'
import type { Task, TaskTerms } from '../../src/core/task.ts'
import { openAttempt } from '../../src/core/task.ts'

const plain: TaskTerms = { maxAttempts: 3, retryOn: [], expect: 'nothing', review: 'none', expiresAt: null }

function born(terms: Partial<TaskTerms> = {}): Task {
  return run(null, { type: 'create', taskId: 'task_1', terms: { ...plain, ...terms }, waitOn: [] }, 0)
}

function run(task: Task | null, command: Command, now = 0): Task {
  const decision = decide(task, command, now)
  if (!decision.ok) throw new Error(decision.refusal.detail)
  const after = decision.entries.reduce<Task | null>(evolve, task)
  if (after === null) throw new Error('no task')
  return after
}

function claimed(task: Task, n = 1, now = 0): Task {
  return run(task, { type: 'claim', attemptId: `att_${n}`, daemonId: `dmn_${n}` }, now)
}

function owner(task: Task) {
  const attempt = task.attempts.at(-1)
  if (attempt === undefined) throw new Error('no attempt')
  return { attemptId: attempt.id, epoch: attempt.epoch, daemonId: attempt.daemonId }
}

function fail(task: Task, reason: Extract<Command, { type: 'fail' }>['reason'], detail = '', now = 0): Task {
  return run(task, { type: 'fail', owner: owner(task), reason, detail, resetAt: null }, now)
}

describe('a lease', () => {
  it('that lapses parks the task, and its owner may go on with the same attempt', () => {
    const running = run(claimed(born()), { type: 'start', owner: owner(claimed(born())) })
    const parked = run(running, { type: 'lapse', attemptId: 'att_1', graceUntil: 500 })
    expect(parked.status).toEqual({ state: 'parked', why: 'host_offline', until: 500 })
    const back = run(parked, { type: 'hear', owner: owner(parked) })
    expect(back.status.state).toBe('running')
    expect(back.attempts).toHaveLength(1)
  })

  it('whose grace ended leaves the attempt open, so that a late owner still delivers', () => {
    const lapsed = run(claimed(born()), { type: 'lapse', attemptId: 'att_1', graceUntil: 500 })
    const queued = run(lapsed, { type: 'end_grace', attemptId: 'att_1' })
    expect(queued.status.state).toBe('queued')
    const done = run(queued, { type: 'complete', owner: owner(queued), facts: { changed: true, output: false } })
    expect(done.status.state).toBe('completed')
  })

  it('is lost when another claim is granted, and the old owner is refused', () => {
    const lapsed = run(claimed(born()), { type: 'lapse', attemptId: 'att_1', graceUntil: 500 })
    const queued = run(lapsed, { type: 'end_grace', attemptId: 'att_1' })
    const taken = claimed(queued, 2)
    expect(taken.attempts.map((attempt) => attempt.state)).toEqual(['lease_expired', 'preparing'])
    const late = decide(taken, { type: 'complete', owner: owner(queued), facts: { changed: true, output: false } }, 0)
    expect(late).toMatchObject({ ok: false, refusal: { code: 'lease_lost' } })
  })

  it('lost by five hosts in a row ends the task as infrastructure', () => {
    let task = born()
    for (let n = 1; n <= 5; n += 1) {
      task = claimed(task, n)
      task = run(task, { type: 'lapse', attemptId: `att_${n}`, graceUntil: 0 })
      task = run(task, { type: 'end_grace', attemptId: `att_${n}` })
    }
    expect(task.status).toMatchObject({ state: 'failed', reason: 'infrastructure' })
  })
})

describe('a cancel', () => {
  it('ends the task at once and lets the owner finish stopping', () => {
    const task = run(claimed(born()), { type: 'cancel', by: 'user:a', message: 'enough' })
    expect(task.status).toEqual({ state: 'cancelled', by: 'user:a', message: 'enough' })
    expect(openAttempt(task)?.ownership).toBe('stopping')
    const stopped = fail(task, 'cancelled')
    expect(stopped.attempts[0]?.state).toBe('cancelled')
    expect(stopped.status.state).toBe('cancelled')
  })

  it('is not undone by a result that arrives meanwhile', () => {
    const task = run(claimed(born()), { type: 'cancel', by: 'user:a', message: '' })
    const late = run(task, { type: 'complete', owner: owner(task), facts: { changed: true, output: false } })
    expect(late.status.state).toBe('cancelled')
  })

  it('by a daemon is only an abort: the task is queued again', () => {
    expect(fail(claimed(born()), 'cancelled').status).toMatchObject({ state: 'queued', why: 'given_back' })
  })
})

describe('a retry', () => {
  it('after an infrastructure failure waits 10 s, then 20 s, then gives up', () => {
    const first = fail(claimed(born()), 'workspace_failed', '', 1_000)
    expect(first.status).toMatchObject({ state: 'queued', notBefore: 11_000 })
    expect(decide(first, { type: 'claim', attemptId: 'att_2', daemonId: 'dmn_2' }, 10_999).ok).toBe(false)
    const second = fail(claimed(first, 2, 11_000), 'workspace_failed', '', 20_000)
    expect(second.status).toMatchObject({ state: 'queued', notBefore: 40_000 })
    expect(fail(claimed(second, 3, 40_000), 'workspace_failed').status).toMatchObject({
      state: 'failed',
      reason: 'workspace_failed',
    })
  })

  it('of an agent’s failure happens only if retryOn names it', () => {
    expect(fail(claimed(born()), 'agent_failed').status.state).toBe('failed')
    expect(fail(claimed(born({ retryOn: ['agent_failed'] })), 'agent_failed').status.state).toBe('queued')
  })

  it('stops at the same failure twice running, whatever numbers it holds', () => {
    const task = fail(claimed(born({ retryOn: ['checks_failed'] })), 'checks_failed', 'test failed after 12.5s')
    const again = fail(claimed(task, 2, 1e9), 'checks_failed', 'test failed after 13.1s', 1e9)
    expect(again.status).toMatchObject({ state: 'failed', detail: expect.stringContaining('same failure twice') })
  })

  it('costs nothing when a host gives the task back or its quota is spent', () => {
    const parked = fail(claimed(fail(claimed(born({ maxAttempts: 1 })), 'daemon_abort'), 2), 'quota', '', 1_000)
    expect(parked.status).toEqual({ state: 'parked', why: 'quota', until: 901_000 + spread('task_1', 900_000) })
    expect(parked.spent.charged).toBe(0)
    expect(run(parked, { type: 'quota_over' }).status.state).toBe('queued')
  })

  it('by hand starts patience anew, and is refused while the task is open', () => {
    const failed = fail(claimed(born()), 'agent_failed')
    expect(run(failed, { type: 'retry', by: 'user:a' })).toMatchObject({
      status: { state: 'queued', why: 'by_hand' },
      spent: { charged: 0 },
    })
    expect(decide(born(), { type: 'retry', by: 'user:a' }, 0).ok).toBe(false)
  })
})

describe('completion', () => {
  it('with an empty diff where changes are expected fails as no_changes', () => {
    const task = claimed(born({ expect: 'changes' }))
    const done = run(task, { type: 'complete', owner: owner(task), facts: { changed: false, output: false } })
    expect(done.status).toMatchObject({ state: 'failed', reason: 'no_changes' })
  })

  it('under review waits for a person; a rejected task can be retried', () => {
    const task = claimed(born({ review: 'required' }))
    const done = run(task, { type: 'complete', owner: owner(task), facts: { changed: true, output: false } })
    expect(done.status).toMatchObject({ state: 'completed', verdict: 'pending' })
    const rejected = run(done, { type: 'reject', by: 'user:a', message: 'no' })
    expect(rejected.status).toMatchObject({ verdict: 'rejected', message: 'no' })
    expect(run(rejected, { type: 'retry', by: 'user:a' }).status.state).toBe('queued')
  })
})

describe('a claim that is never heard of', () => {
  it('expires and is retried with backoff', () => {
    const task = run(claimed(born()), { type: 'dispatch_expire', attemptId: 'att_1' }, 300_000)
    expect(task.attempts[0]).toMatchObject({ state: 'failed', reason: 'dispatch_expired' })
    expect(task.status).toMatchObject({ state: 'queued', notBefore: 310_000 })
  })
})

describe('expiry', () => {
  it('ends a task that waits, never one at work', () => {
    const queued = born({ expiresAt: 100 })
    expect(run(queued, { type: 'expire' }, 100).status.state).toBe('expired')
    expect(decide(claimed(queued), { type: 'expire' }, 100).ok).toBe(false)
  })
})

describe('a failure’s signature', () => {
  it('leaves out numbers, ids, paths and white space', () => {
    const a = normaliseFailure('agent_failed', 'exit 1 in /tmp/run-17/x.ts  at 0a1b2c3d4e')
    expect(a).toBe(normaliseFailure('agent_failed', 'exit 2 in /var/y.ts at ffffffffff'))
    expect(a).not.toBe(normaliseFailure('checks_failed', 'exit 1 in /tmp/x at ffffffffff'))
  })
})

// Attempts: one owner, whose word counts; late work is kept aside.

import { expect, test } from 'vitest'
import { openAttemptsOf, taskOfAttempt } from '../../../src/store/attempts.ts'
import { addSalvage, listSalvage } from '../../../src/store/salvage.ts'
import type { Opener } from '../world.ts'
import { graceMs, leaseMs, plainOutcome, run, World } from '../world.ts'

export function attemptsContract(opener: Opener): void {
  test('a heartbeat renews what it names, starts what runs, and writes the log only for that', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    await world.create()
    const claimed = await world.claimOne(daemon)
    expect(await world.heartbeat(daemon, [run(claimed, 'preparing')])).toMatchObject({
      renewed: [claimed.attemptId],
      lost: [],
    })
    const { version } = (await world.task(claimed.record.task.id)).task
    world.clock.advance(1_000)
    await world.heartbeat(daemon, [run(claimed, 'running')])
    world.clock.advance(1_000)
    await world.heartbeat(daemon, [run(claimed, 'finishing')])
    const record = await world.task(claimed.record.task.id)
    expect(record.task).toMatchObject({ status: { state: 'running' }, version: version + 1 })
    expect(record.attempts[0]).toMatchObject({
      runningAt: world.clock.now() - 1_000,
      leaseUntil: world.clock.now() + leaseMs,
      lastHeartbeatAt: world.clock.now(),
      harness: 'shell',
      containment: 'pgid',
    })
    const owned = await world.store.read((tx) => openAttemptsOf(tx, daemon))
    expect(owned.map((each) => each.task.id)).toEqual([record.task.id])
    expect(await world.store.read((tx) => taskOfAttempt(tx, claimed.attemptId))).toEqual(record)
  })

  test('a heartbeat that names a foreign, old or unknown attempt is told that it is lost', async () => {
    await using world = await World.make(opener)
    const alpha = await world.daemon('alpha')
    const beta = await world.daemon('beta')
    const claimed = await world.running(alpha)
    const wrong = [run(claimed, 'running'), { ...run(claimed, 'running'), attemptId: 'att_none' }]
    expect((await world.heartbeat(beta, wrong)).lost.map((each) => each.attemptId)).toEqual([
      claimed.attemptId,
      'att_none',
    ])
    const old = { ...run(claimed, 'running'), epoch: 99 }
    expect(await world.heartbeat(alpha, [old])).toMatchObject({ renewed: [], lost: [{ attemptId: claimed.attemptId }] })
  })

  test('a result ends attempt and task, keeps what was reported, and is acknowledged again when repeated', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    const claimed = await world.running(daemon)
    const first = await world.complete(claimed)
    expect(first).toMatchObject({
      is: 'done',
      record: { task: { status: { state: 'completed', verdict: 'accepted' } } },
    })
    const { sessionRef, ...outcome } = plainOutcome
    expect((await world.task(claimed.record.task.id)).attempts[0]).toMatchObject({ outcome, sessionRef })
    expect(await world.complete(claimed, { outcome: { ...plainOutcome, exitCode: 9 } })).toEqual(first)
    expect(await world.heartbeat(daemon, [run(claimed, 'running')])).toMatchObject({ renewed: [] })
  })

  test('a retryable failure queues the task again after its backoff; the last one fails it', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    const claimed = await world.running(daemon, { terms: { maxAttempts: 2 } })
    await world.fail(claimed, { reason: 'transport', detail: 'no route' })
    expect(await world.claim(daemon)).toEqual([])
    world.clock.advance(10_000)
    expect(await world.sweep()).toMatchObject({ wakes: 1 })
    const again = await world.claimOne(daemon)
    expect([again.n, again.epoch]).toEqual([2, 2])
    await world.fail(again, { reason: 'transport', detail: 'no route' })
    expect((await world.task(again.record.task.id)).task.status).toMatchObject({ state: 'failed', reason: 'transport' })
  })

  test('a cancelled attempt is still heard and told to stop; its result is kept and changes nothing', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    const claimed = await world.running(daemon)
    const { id } = claimed.record.task
    await world.do(id, { type: 'cancel', by: 'ann', message: 'enough' })
    const heard = await world.heartbeat(daemon, [run(claimed, 'running')])
    expect(heard).toEqual({ renewed: [claimed.attemptId], lost: [], cancelled: [claimed.attemptId] })
    expect(await world.complete(claimed)).toMatchObject({ is: 'done' })
    const record = await world.task(id)
    expect(record.task.status).toMatchObject({ state: 'cancelled', by: 'ann' })
    expect(record.attempts[0]).toMatchObject({ attempt: { state: 'cancelled' }, outcome: { exitCode: 0 } })
  })

  test('of a cancel and a result that race one wins, the same in row and answer', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    for (let n = 0; n < 10; n += 1) {
      const claimed = await world.running(daemon)
      const { id } = claimed.record.task
      const cancel = () => world.do(id, { type: 'cancel', by: 'ann', message: '' })
      const [first, second] =
        n % 2 === 0 ? [cancel, () => world.complete(claimed)] : [() => world.complete(claimed), cancel]
      const answers = await Promise.all([first(), second()])
      const record = await world.task(id)
      expect(['completed', 'cancelled']).toContain(record.task.status.state)
      const cancelled = answers.find((each) => each.is === 'done' && 'entries' in each)
      expect(record.task.status.state === 'cancelled').toBe(cancelled !== undefined)
    }
  })

  test('a lease that lapsed comes back with the owner’s next word, and costs no attempt', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    const claimed = await world.running(daemon)
    const { id } = claimed.record.task
    world.clock.advance(leaseMs)
    expect(await world.sweep()).toMatchObject({ leases: 1 })
    expect((await world.task(id)).task.status).toMatchObject({ state: 'parked', why: 'host_offline' })
    expect(await world.heartbeat(daemon, [run(claimed, 'running')])).toMatchObject({ renewed: [claimed.attemptId] })
    expect(await world.task(id)).toMatchObject({
      task: { status: { state: 'running' }, attempts: [{ ownership: 'held' }] },
      attempts: [{ leaseUntil: world.clock.now() + leaseMs }],
    })
  })

  test('an owner whose lease lapsed delivers while nobody else has the task', async () => {
    await using world = await World.make(opener)
    const claimed = await world.running(await world.daemon('alpha'))
    world.clock.advance(leaseMs)
    await world.sweep()
    world.clock.advance(graceMs)
    await world.sweep()
    expect(await world.state(claimed.record.task.id)).toBe('queued')
    expect(await world.complete(claimed)).toMatchObject({ is: 'done' })
    expect(await world.state(claimed.record.task.id)).toBe('completed')
    expect(await world.claim(await world.daemon('beta'))).toEqual([])
  })

  test('a task that a silent owner let lapse is for others, until it speaks again', async () => {
    await using world = await World.make(opener)
    const alpha = await world.daemon('alpha')
    const { record } = await world.running(alpha)
    world.clock.advance(leaseMs)
    await world.sweep()
    world.clock.advance(graceMs)
    await world.sweep()
    expect(await world.state(record.task.id)).toBe('queued')
    expect(await world.claim(alpha, { unheard: true })).toEqual([])
    expect(await world.claim(alpha, { unheard: true, taskId: record.task.id })).toEqual([])
    expect(await world.claim(alpha)).toMatchObject([{ n: 2 }])
  })

  test('a superseded daemon cannot report success; what it made is salvaged once, and shown', async () => {
    await using world = await World.make(opener)
    const alpha = await world.daemon('alpha')
    const claimed = await world.running(alpha)
    world.clock.advance(leaseMs)
    await world.sweep()
    world.clock.advance(graceMs)
    await world.sweep()
    const next = await world.claimOne(await world.daemon('beta'))
    expect(next).toMatchObject({ n: 2, epoch: 3 })
    expect(await world.complete(claimed)).toMatchObject({ is: 'refused', refusal: { code: 'lease_lost' } })
    expect((await world.heartbeat(alpha, [run(claimed, 'running')])).lost).toHaveLength(1)
    const { attemptId, epoch } = claimed
    const late = {
      daemonId: alpha,
      attemptId,
      epoch,
      kind: 'checkpoint',
      detail: 'refs/x\0',
      evidence: null,
      events: [],
    } as const
    expect(await world.store.run((tx) => addSalvage(tx, late))).toEqual({ is: 'done' })
    expect(await world.store.run((tx) => addSalvage(tx, late))).toEqual({ is: 'done' })
    const record = await world.task(claimed.record.task.id)
    expect(record.attempts[0]?.salvage).toEqual([{ at: world.clock.now(), kind: 'checkpoint', detail: 'refs/x\0' }])
    expect(await world.store.read((tx) => listSalvage(tx, attemptId))).toHaveLength(1)
    const foreign = { ...late, daemonId: 'dmn_other' }
    expect(await world.store.run((tx) => addSalvage(tx, foreign))).toMatchObject({ is: 'refused' })
    expect(record.task.status.state).toBe('preparing')
  })
}

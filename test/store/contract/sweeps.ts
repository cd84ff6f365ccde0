// What time alone does, in bounded batches.

import { expect, test } from 'vitest'
import { spread } from '../../../src/core/quota.ts'
import { defaultRetryPolicy } from '../../../src/core/retry.ts'
import { nextDue, renewAllLeases } from '../../../src/store/sweeps.ts'
import type { Opener } from '../world.ts'
import { dispatchMs, graceMs, leaseMs, run, World } from '../world.ts'

export function sweepsContract(opener: Opener): void {
  const due = (world: World) => world.store.read((tx) => nextDue(tx))

  test('a claim that is never followed by a heartbeat is taken back', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    await world.create()
    const claimed = await world.claimOne(daemon)
    expect(await due(world)).toBe(world.clock.now() + dispatchMs)
    world.clock.advance(dispatchMs)
    await world.sweep()
    expect((await world.task(claimed.record.task.id)).task).toMatchObject({
      status: { state: 'queued', why: 'retry', notBefore: world.clock.now() + defaultRetryPolicy.backoffMs },
      attempts: [{ state: 'failed', reason: 'dispatch_expired' }],
    })
  })

  test('grace that ends puts the task into the queue again', async () => {
    await using world = await World.make(opener)
    const claimed = await world.running(await world.daemon('alpha'))
    world.clock.advance(leaseMs)
    await world.sweep()
    expect(await due(world)).toBe(world.clock.now() + graceMs)
    world.clock.advance(graceMs)
    expect(await world.sweep()).toMatchObject({ wakes: 1 })
    expect((await world.task(claimed.record.task.id)).task.status).toMatchObject({
      state: 'queued',
      why: 'host_offline',
    })
    expect(await world.sweep()).toMatchObject({ total: 0 })
  })

  test('a running time that is over ends an attempt only when its lease lapsed too', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    const claimed = await world.running(daemon, { spec: { runningTimeoutMs: 60_000 } })
    world.clock.advance(60_000)
    await world.heartbeat(daemon, [run(claimed, 'running')])
    expect(await world.sweep()).toMatchObject({ total: 0 })
    world.clock.advance(leaseMs)
    await world.sweep()
    expect((await world.task(claimed.record.task.id)).task).toMatchObject({
      status: { state: 'failed', reason: 'timed_out' },
      attempts: [{ state: 'timed_out' }],
    })
  })

  test('a cancelled attempt whose host is gone ends with its lease', async () => {
    await using world = await World.make(opener)
    const claimed = await world.running(await world.daemon('alpha'))
    const { id } = claimed.record.task
    await world.do(id, { type: 'cancel', by: 'ann', message: '' })
    world.clock.advance(leaseMs)
    await world.sweep()
    expect((await world.task(id)).task.attempts[0]).toMatchObject({ state: 'cancelled', endedBy: 'server' })
    expect(await due(world)).toBeNull()
  })

  test('a spent quota parks the task until it returns', async () => {
    await using world = await World.make(opener)
    const claimed = await world.running(await world.daemon('alpha'))
    const resetAt = world.clock.now() + 3_600_000
    await world.fail(claimed, { reason: 'quota', detail: 'spent', resetAt })
    expect(await world.state(claimed.record.task.id)).toBe('parked')
    expect(await due(world)).toBe(resetAt + spread(claimed.record.task.id, 3_600_000))
    world.clock.advance(3_660_000)
    await world.sweep()
    expect((await world.task(claimed.record.task.id)).task.status).toMatchObject({ state: 'queued', why: 'quota_over' })
  })

  test('runAt holds a task back, also when its condition is met before', async () => {
    await using world = await World.make(opener)
    const first = await world.create()
    const runAt = world.clock.now() + 50_000
    const statuses = ['cancelled'] as const
    const id = await world.create({ runAt, spec: { claimCondition: { op: 'task_status', taskId: first, statuses } } })
    const alone = await world.create({ runAt })
    await world.do(first, { type: 'cancel', by: 'ann', message: '' })
    await world.sweep()
    expect([await world.state(id), await world.state(alone)]).toEqual(['waiting', 'waiting'])
    world.clock.advance(50_000)
    expect(await world.sweep()).toMatchObject({ wakes: 2 })
    expect([await world.state(id), await world.state(alone)]).toEqual(['queued', 'queued'])
  })

  test('a runAt that comes before the condition is met leaves the task waiting, quietly', async () => {
    await using world = await World.make(opener)
    const first = await world.create()
    const statuses = ['cancelled'] as const
    const runAt = world.clock.now() + 1
    const id = await world.create({ runAt, spec: { claimCondition: { op: 'task_status', taskId: first, statuses } } })
    world.clock.advance(1)
    await world.sweep()
    expect(await world.state(id)).toBe('waiting')
    expect(await due(world)).toBeNull()
    await world.do(first, { type: 'cancel', by: 'ann', message: '' })
    expect(await world.state(id)).toBe('queued')
  })

  test('a task that is not at work by its expiresAt expires; one at work does not', async () => {
    await using world = await World.make(opener)
    const terms = { expiresAt: world.clock.now() + 1_000 }
    const claimed = await world.running(await world.daemon('alpha'), { terms })
    const idle = await world.create({ terms })
    world.clock.advance(1_000)
    expect(await world.sweep()).toMatchObject({ expired: 1 })
    expect([await world.state(idle), await world.state(claimed.record.task.id)]).toEqual(['expired', 'running'])
  })

  test('the server’s own downtime does not count against leases and graces', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    const held = await world.running(daemon)
    const parked = await world.running(daemon)
    world.clock.advance(leaseMs - 1)
    await world.heartbeat(daemon, [run(held, 'running')])
    world.clock.advance(1)
    await world.sweep()
    world.clock.advance(7_200_000)
    expect(await world.store.run((tx) => renewAllLeases(tx, leaseMs, graceMs))).toBe(1)
    expect(await world.sweep()).toMatchObject({ leases: 0, wakes: 0 })
    expect([await world.state(held.record.task.id), await world.state(parked.record.task.id)]).toEqual([
      'running',
      'parked',
    ])
    world.clock.advance(leaseMs + graceMs)
    expect(await world.sweep()).toMatchObject({ leases: 1, timeouts: 2 })
  })

  test('a batch is bounded, and what is left is done by the next', async () => {
    await using world = await World.make(opener)
    const terms = { expiresAt: world.clock.now() + 1 }
    for (let n = 0; n < 5; n += 1) await world.create({ terms })
    world.clock.advance(1)
    expect([(await world.sweep(3)).total, (await world.sweep(3)).total, (await world.sweep(3)).total]).toEqual([
      3, 2, 0,
    ])
  })
}

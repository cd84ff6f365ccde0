// Tasks parked for a spent quota, on any database: found by their lanes, sent elsewhere, counted.

import { expect, test } from 'vitest'
import { maxMoves } from '../../../src/core/quota.ts'
import { defaultRetryPolicy } from '../../../src/core/retry.ts'
import { passQuota } from '../../../src/server/failover.ts'
import { counts } from '../../../src/store/counts.ts'
import { lanesParkedForQuota, reroute } from '../../../src/store/reroutes.ts'
import type { Opener } from '../world.ts'
import { World } from '../world.ts'

const spent = { reason: 'quota', detail: 'spent' } as const
const policy = defaultRetryPolicy

export function reroutesContract(opener: Opener): void {
  test('only the lanes of tasks that a quota parks and that may go elsewhere are found, and only their tasks move', async () => {
    await using world = await World.make(opener)
    const alpha = await world.daemon('alpha')
    const resetAt = world.clock.now() + 3_600_000
    const here = await world.running(alpha, { needs: { harness: 'codex' } })
    const stays = await world.running(alpha, { needs: { harness: 'pi' } })
    const other = await world.running(alpha, { needs: { harness: 'acp' } })
    await world.fail(here, { ...spent, resetAt })
    await world.fail(stays, { ...spent, resetAt, stays: true })
    await world.fail(other, { ...spent, resetAt })
    const lanes = await world.store.read((tx) => lanesParkedForQuota(tx))
    expect(lanes.map(({ needs }) => needs.harness).toSorted()).toEqual(['acp', 'codex'])
    expect((await world.store.read((tx) => counts(tx))).parked).toEqual({ quota: 3 })
    const codex = lanes.filter(({ needs }) => needs.harness === 'codex').map(({ laneId }) => laneId)
    const cause = { actor: 'server', cause: 'quota' }
    expect(await world.store.run((tx) => reroute(tx, codex, { limit: 10, policy, cause }))).toBe(1)
    expect((await world.task(here.record.task.id)).task.status).toMatchObject({ state: 'queued', why: 'rerouted' })
    expect(await world.state(stays.record.task.id)).toBe('parked')
    expect(await world.state(other.record.task.id)).toBe('parked')
    expect(await world.store.run((tx) => reroute(tx, codex, { limit: 10, policy, cause }))).toBe(0)
  })

  test('a task goes on as soon as a connected daemon has quota left: another host, or another harness of the same one', async () => {
    await using world = await World.make(opener)
    const found = (name: string, exhaustedUntil?: number) => ({
      name,
      version: '1',
      ready: true,
      problem: null,
      ...(exhaustedUntil === undefined ? {} : { exhaustedUntil }),
    })
    const until = world.clock.now() + 3_600_000
    const alpha = await world.daemon('alpha', { harnesses: [found('codex')] })
    const pinned = await world.running(alpha, { needs: { harness: 'codex' } })
    const any = await world.running(alpha)
    const pass = () => world.store.run((tx) => passQuota(tx, { limit: 10, policy }))
    await world.daemon('alpha', { harnesses: [found('codex', until)] })
    for (const each of [pinned, any]) await world.fail(each, { ...spent, resetAt: until })
    expect(await pass()).toBe(0)
    await world.daemon('alpha', { harnesses: [found('codex', until), found('pi')] })
    expect(await pass()).toBe(1)
    expect(await world.state(any.record.task.id)).toBe('queued')
    expect(await world.state(pinned.record.task.id)).toBe('parked')
    await world.daemon('beta', { harnesses: [found('codex')] })
    expect(await pass()).toBe(1)
    expect(await world.state(pinned.record.task.id)).toBe('queued')
  })

  test('a hundred tasks that wait for one reset come back over a minute, none before it and none left', async () => {
    await using world = await World.make(opener)
    const alpha = await world.daemon('alpha')
    const resetAt = world.clock.now() + 3_600_000
    for (let n = 0; n < 100; n += 1) await world.create()
    for (const claimed of await world.claim(alpha, { max: 100 })) await world.fail(claimed, { ...spent, resetAt })
    const parked = async () => (await world.store.read((tx) => counts(tx))).parked.quota ?? 0
    const left: number[] = []
    world.clock.advance(3_599_000)
    for (let second = 0; second <= 62; second += 1) {
      await world.sweep()
      left.push(await parked())
      world.clock.advance(1_000)
    }
    expect(left[0]).toBe(100)
    expect(left.at(-1)).toBe(0)
    expect(Math.max(...left.slice(1).map((now, at) => (left[at] ?? 0) - now))).toBeLessThanOrEqual(10)
  })

  test('a task that meets a limit wherever it is sent stays, and is not looked at again before its time', async () => {
    await using world = await World.make(opener)
    const alpha = await world.daemon('alpha')
    const id = await world.create()
    const pass = () => world.store.run((tx) => passQuota(tx, { limit: 10, policy }))
    for (let n = 1; n < maxMoves; n += 1) {
      await world.fail(await world.claimOne(alpha), { ...spent, resetAt: world.clock.now() + 3_600_000 })
      expect(await pass()).toBe(1)
    }
    await world.fail(await world.claimOne(alpha), { ...spent, resetAt: world.clock.now() + 3_600_000 })
    expect(await pass()).toBe(0)
    expect((await world.task(id)).task.status).toMatchObject({ state: 'parked', stays: true })
    expect(await world.store.read((tx) => lanesParkedForQuota(tx))).toEqual([])
    world.clock.advance(3_700_000)
    await world.sweep()
    expect(await world.state(id)).toBe('queued')
  })
}

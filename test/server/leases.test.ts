// Leases that lapse, owners that are superseded, and servers that restart.

import { afterEach, beforeEach, expect, test } from 'vitest'
import type { World } from './world.ts'
import { endOf, makeWorld, problemOf, runOf, texts, until } from './world.ts'

let world: World
beforeEach(async () => {
  world = await makeWorld({ leaseTtlMs: 150, reconnectGraceMs: 150, dispatchTimeoutMs: 5_000, bootGuardMs: 100 })
})
afterEach(async () => {
  await world[Symbol.asyncDispose]()
})

const keyOf = (name: string) => `key-of-the-daemon-called-${name}`

async function start(name: string) {
  const daemon = await world.daemon({ key: keyOf(name), offer: { name } })
  const task = await world.client.call('createTask', { body: { prompt: 'x', harness: 'shell' } })
  const [run] = (await daemon.claim(5_000)).assignments
  if (run === undefined) throw new Error('nothing was claimed')
  await daemon.beat([runOf(run)])
  const look = () => world.client.call('getTask', { params: { id: task.id } })
  return { daemon, task, run, look }
}

test('a superseded owner’s result is refused with lease_lost, and what it made is salvaged and shown', async () => {
  const { daemon: first, run, look } = await start('first')
  await until(async () => (await look()).reason === 'host_offline', 'the lapse')
  const second = await world.daemon({ key: keyOf('second'), offer: { name: 'second' } })
  const [again] = (await second.claim(5_000)).assignments
  if (again === undefined) throw new Error('nothing was claimed')
  await second.beat([runOf(again)])
  expect(again.epoch).toBeGreaterThan(run.epoch)
  const refused = await problemOf(first.ask('result', endOf(run)))
  expect(refused.code).toBe('lease_lost')
  const claim = { attemptId: run.attemptId, epoch: run.epoch }
  expect((await problemOf(first.ask('events', { ...claim, events: texts(1, 1) }))).code).toBe('lease_lost')
  expect((await first.beat([runOf(run)])).lost.map((each) => each.attemptId)).toEqual([run.attemptId])
  await first.ask('salvage', { ...claim, kind: 'result', detail: 'late work', evidence: null, events: texts(1, 2) })
  expect((await second.ask('result', endOf(again))).taskState).toBe('completed')
  const done = await look()
  expect(done.attempts.map((each) => each.state)).toEqual(['lease_expired', 'completed'])
  expect(done.attempts[0]?.salvage).toMatchObject([{ kind: 'result', detail: 'late work' }])
})

test('an owner whose lease merely lapsed delivers', async () => {
  const { daemon, run, look } = await start('slow')
  await until(async () => (await look()).attempts[0]?.ownership === 'lapsed', 'the lapse')
  expect((await daemon.ask('result', endOf(run))).taskState).toBe('completed')
})

test('a restart of the server keeps everything, tells daemons to come back, and does not count as silence', async () => {
  const { daemon, run, task, look } = await start('loyal')
  const claim = { attemptId: run.attemptId, epoch: run.epoch }
  await daemon.ask('events', { ...claim, events: texts(1, 4) })
  const { token, daemonToken } = world.server
  const held = daemon.claim(10_000)
  await until(async () => (await (await world.raw('/metrics')).text()).includes('capstan_claims_waiting 1'))
  await world.restart()
  expect((await held).assignments).toEqual([])
  expect((await daemon.closed).code).toBe(1001)
  expect(world.server.token).toBe(token)
  expect(world.server.daemonToken).toBe(daemonToken)
  const back = await world.connect()
  // Another boot: the daemon was restarted together with the server.
  const reply = await back.register({ key: keyOf('loyal'), bootId: 'boot-2', running: [runOf(run)] })
  expect(reply.kept).toEqual([run.attemptId])
  expect((await back.ask('events', { ...claim, events: texts(3, 6) })).next).toBe(7)
  expect((await back.ask('result', endOf(run))).taskState).toBe('completed')
  const done = await look()
  expect(done.id).toBe(task.id)
  expect(done.attempts).toHaveLength(1)
  expect(done.attempts[0]?.eventCount).toBe(6)
})

test('a follower carries on across a restart of the server without a hole', async () => {
  const { daemon, run, task } = await start('steady')
  const claim = { attemptId: run.attemptId, epoch: run.epoch }
  const seen: number[] = []
  const kinds = new Set<string>()
  const following = (async () => {
    for await (const each of world.client.follow(task.id)) {
      kinds.add(each.type)
      if (each.type === 'transcript') seen.push(each.event.seq)
    }
  })()
  await daemon.ask('events', { ...claim, events: texts(1, 5) })
  await until(() => seen.length === 5, 'the first events')
  await world.restart()
  const back = await world.connect()
  await back.register({ key: keyOf('steady'), running: [runOf(run)] })
  await back.ask('events', { ...claim, events: texts(6, 9) })
  await back.ask('result', endOf(run))
  await following
  expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(kinds).toContain('reconnecting')
})

test('a claim that is never heard of again is given to another host', async () => {
  await world[Symbol.asyncDispose]()
  world = await makeWorld({
    dispatchTimeoutMs: 100,
    retry: { backoffMs: 20, backoffMaxMs: 20, freeLimit: 5, quotaMs: 50 },
  })
  const daemon = await world.daemon()
  const task = await world.client.call('createTask', { body: { prompt: 'x', harness: 'shell' } })
  await daemon.claim(5_000)
  const [again] = (await daemon.claim(8_000)).assignments
  expect(again?.n).toBe(2)
  const seen = await world.client.call('getTask', { params: { id: task.id } })
  expect(seen.attempts[0]?.reason).toBe('dispatch_expired')
})

test('a run has the lease that its profile asks for, within what the server gives', async () => {
  const { daemon, run, look } = await start('patient')
  const leaseOf = async (leaseTtlMs?: number) => {
    const at = Date.now()
    await daemon.beat([{ ...runOf(run), ...(leaseTtlMs === undefined ? {} : { leaseTtlMs }) }])
    return Number((await look()).attempts[0]?.leaseExpiresAt) - at
  }
  expect(await leaseOf()).toBeGreaterThanOrEqual(150)
  expect(await leaseOf(1)).toBeGreaterThanOrEqual(150) // no shorter than the server's own
  expect(await leaseOf(60_000)).toBeGreaterThanOrEqual(300) // and no longer than that with its grace
  expect(await leaseOf(60_000)).toBeLessThan(30_000)
})

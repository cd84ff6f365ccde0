// The daemon link: who may register, what both sides believe after a reconnect, and frames that are none.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { World } from './world.ts'
import { endOf, makeOffer, makeWorld, problemOf, runOf, texts, until } from './world.ts'

let world: World
let keys = 0
const newKey = () => {
  keys += 1
  return `key-of-link-test-number-${keys}`
}

beforeAll(async () => {
  world = await makeWorld({ bootGuardMs: 60_000 })
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

async function start(key: string, prompt = 'x') {
  const daemon = await world.daemon({ key })
  const task = await world.client.call('createTask', { body: { prompt, harness: 'shell' } })
  const [run] = (await daemon.claim(5_000, 1, task.id)).assignments
  if (run === undefined) throw new Error('nothing was claimed')
  await daemon.beat([runOf(run)])
  return { daemon, task, run }
}

test('nothing is answered before the registration', async () => {
  const daemon = await world.connect()
  expect((await problemOf(daemon.beat())).detail).toContain('before register')
  await daemon.close()
})

test('another protocol is refused naming both, and the socket is closed', async () => {
  const daemon = await world.connect()
  const refused = await problemOf(daemon.register({ protocol: 99, key: newKey() }))
  expect(refused.code).toBe('protocol_unsupported')
  expect(refused.detail).toContain('99')
  expect((await daemon.closed).code).toBe(4403)
})

test('a second daemon with the same key is refused with the first one’s name and pid', async () => {
  const key = newKey()
  const first = await world.daemon({ key, offer: { name: 'first', pid: 777 } })
  const second = await world.connect()
  const refused = await problemOf(second.register({ key, bootId: 'boot-2' }))
  expect(refused.code).toBe('daemon_running')
  expect(refused.detail).toContain('first')
  expect(refused.detail).toContain('777')
  expect((await second.closed).code).toBe(4403)
  await first.beat()
  await first.close()
})

test('the same daemon over a half-open socket is taken at once, and its old socket closed', async () => {
  const key = newKey()
  const first = await world.daemon({ key })
  const again = await world.connect()
  await again.register({ key })
  expect((await first.closed).code).toBe(4409)
  await again.beat()
  await again.close()
})

test('the load that a daemon tells is seen; one of the version before tells none', async () => {
  const daemon = await world.daemon({ key: newKey(), offer: { name: 'busy', loadAverage: 0.5, processors: 8 } })
  const seen = () => world.client.call('getDaemon', { params: { id: 'busy' } })
  expect(await seen()).toMatchObject({ loadAverage: 0.5, processors: 8 })
  await daemon.beat([], false, { freeDiskBytes: 5, freeMemoryBytes: 6, loadAverage: 7.25 })
  expect(await seen()).toMatchObject({ freeDiskBytes: 5, freeMemoryBytes: 6, loadAverage: 7.25, processors: 8 })
  await daemon.beat()
  expect(await seen()).toMatchObject({ loadAverage: null, processors: 8 })
  await daemon.close()
})

test('a daemon restarted after kill -9 is not refused', async () => {
  const key = newKey()
  const first = await world.daemon({ key })
  first.drop()
  await first.closed
  await until(async () => {
    const daemon = await world.connect()
    return daemon.register({ key, bootId: 'boot-2' }).then(
      () => true,
      () => false,
    )
  }, 'the registration')
})

test('a pool admits its connector only, and says who was refused', async () => {
  const tokenOf = async (name: string) =>
    (await world.client.call('createToken', { body: { name, scopes: ['daemon', 'admin'] } })).secret
  const [guest, ops] = [await tokenOf('guest'), await tokenOf('ops')]
  const nobody = await problemOf(world.client.call('createPool', { body: { name: 'x', connector: 'nobody' } }))
  expect(nobody.detail).toContain('"nobody" is neither "me" nor a member')
  await world.client.call('createPool', { body: { name: 'ops-only', connector: 'ops' } })
  const stranger = await world.connect({ token: guest })
  // What a daemon calls itself does not count: its token does.
  const refused = await problemOf(stranger.register({ key: newKey(), offer: { pool: 'ops-only', identity: 'ops' } }))
  expect(refused).toMatchObject({ code: 'pool_connector_mismatch' })
  expect(refused.detail).toMatch(/ops.*guest/)
  const member = await world.daemon({ key: newKey(), token: ops, offer: { pool: 'ops-only', name: 'member' } })
  const pool = await world.client.call('getPool', { params: { id: 'ops-only' } })
  expect(pool).toMatchObject({ daemons: 1, hosts: [{ name: 'member', connected: true }] })
  await member.close()
  const mine = await world.as(ops).call('createPool', { body: { name: 'mine', connector: 'me' } })
  expect(mine.connector).toBe('ops')
  const lost = await world.connect()
  expect((await problemOf(lost.register({ key: newKey(), offer: { pool: 'no-such' } }))).code).toBe('unknown_pool')
})

test('after a reconnect both sides agree on what is kept, lost, cancelled and assigned', async () => {
  const key = newKey()
  const { daemon, run, task } = await start(key, 'kept')
  const extra = async (prompt: string) => {
    const made = await world.client.call('createTask', { body: { prompt, harness: 'shell' } })
    const [got] = (await daemon.claim(5_000, 1, made.id)).assignments
    if (got === undefined) throw new Error('nothing was claimed')
    return { made, got }
  }
  const unknown = await extra('granted but never heard of')
  const stopped = await extra('cancelled while away')
  await daemon.ask('events', { attemptId: run.attemptId, epoch: run.epoch, events: texts(1, 3) })
  daemon.drop()
  await world.client.call('cancelTask', { params: { id: stopped.made.id }, body: {} })
  const back = await world.connect()
  const foreign = runOf({ attemptId: 'att_of_somebody_else', epoch: 1 })
  const reply = await back.register({ key, running: [runOf(run), runOf(stopped.got), foreign] })
  expect(reply.kept).toEqual([run.attemptId])
  expect(reply.cancelled).toEqual([stopped.got.attemptId])
  expect(reply.lost.map((each) => each.attemptId)).toEqual(['att_of_somebody_else'])
  expect(reply.assigned.map((each) => each.attemptId)).toEqual([unknown.got.attemptId])
  expect(reply.assigned[0]?.task.prompt).toBe('granted but never heard of')
  const row = await until(() => back.pushed.find((each) => each.type === 'cancel'))
  expect(row.body).toEqual({ attemptId: stopped.got.attemptId, epoch: stopped.got.epoch })
  const sent = { attemptId: run.attemptId, epoch: run.epoch, events: texts(2, 5) }
  expect((await back.ask('events', sent)).next).toBe(6)
  for (const each of [run, unknown.got, stopped.got]) await back.ask('result', endOf(each))
  expect((await world.client.call('getTask', { params: { id: task.id } })).attempts[0]?.eventCount).toBe(5)
  await back.close()
})

test('a row is pushed again after a reconnect until it is acknowledged', async () => {
  const key = newKey()
  const daemon = await world.daemon({ key, offer: { name: 'drained' } })
  const { daemonId } = await daemon.register({ key, offer: { name: 'drained' } })
  await world.client.call('drainDaemon', { params: { id: daemonId }, body: { on: true } })
  const row = await until(() => daemon.pushed.find((each) => each.type === 'drain'))
  expect((await daemon.beat()).draining).toBe(true)
  daemon.drop()
  const back = await world.daemon({ key, offer: { name: 'drained' } })
  const again = await until(() => back.pushed.find((each) => each.type === 'drain'))
  expect(again.seq).toBe(row.seq)
  await back.ask('ack', { seq: row.seq })
  back.drop()
  const third = await world.daemon({ key, offer: { name: 'drained' } })
  await third.beat()
  expect(third.pushed).toEqual([])
  const task = await world.client.call('createTask', { body: { prompt: 'x', daemon: daemonId } })
  expect((await third.claim(150)).assignments).toEqual([])
  expect((await world.client.call('getTask', { params: { id: task.id } })).why).toContain('draining')
  await world.client.call('cancelTask', { params: { id: task.id }, body: {} })
  await third.close()
})

test('a frame that is none is answered with a problem, and the next one is served', async () => {
  const daemon = await world.daemon({ key: newKey() })
  const told = async (frame: string | Buffer) => {
    const before = daemon.replies.length
    daemon.socket.send(frame)
    return await until(() => daemon.replies[before] as { re: number; problem: { code: string } } | undefined)
  }
  expect(await told('{')).toMatchObject({ re: -1, problem: { code: 'malformed_json' } })
  expect(await told('{"id":"x"}')).toMatchObject({ re: -1, problem: { code: 'invalid_request' } })
  expect(await told(Buffer.from('{}'))).toMatchObject({ re: -1, problem: { code: 'malformed_json' } })
  expect(await told(`{"id":900,"type":"events","body":${'['.repeat(2_000)}${']'.repeat(2_000)}}`)).toMatchObject({
    re: -1,
  })
  expect(await told('{"id":901,"type":"toString","body":{}}')).toMatchObject({
    re: 901,
    problem: { code: 'invalid_request' },
  })
  expect(await told('{"id":902,"type":"claim","body":{"max":0}}')).toMatchObject({ re: 902 })
  expect(
    await daemon.askRaw('heartbeat', { runs: [], draining: false, freeDiskBytes: 1, freeMemoryBytes: 1, later: 1 }),
  ).toBeDefined()
  await daemon.close()
})

test('an oversized frame closes its socket only', async () => {
  const daemon = await world.daemon({ key: newKey() })
  daemon.socket.send('x'.repeat(2_000_000))
  expect((await daemon.closed).code).toBe(1009)
  expect((await world.raw('/v1/whoami')).status).toBe(200)
})

test('what an agent printed with NUL bytes is stored and read back', async () => {
  const { daemon, run, task } = await start(newKey())
  const event = { seq: 1, at: 1, type: 'raw' as const, stream: 'stdout' as const, line: 'a\0b' }
  await daemon.ask('events', { attemptId: run.attemptId, epoch: run.epoch, events: [event] })
  const { items } = await world.client.call('listEvents', { params: { id: task.id } })
  expect(items[0]).toMatchObject({ line: 'a\0b', attempt: 1 })
  await daemon.ask('abort', { ...endOf(run), detail: 'stopping' })
  await world.client.call('cancelTask', { params: { id: task.id }, body: {} })
  await daemon.close()
})

test('a daemon touches no attempt but its own', async () => {
  const { daemon, run, task } = await start(newKey())
  const thief = await world.daemon({ key: newKey() })
  const claim = { attemptId: run.attemptId, epoch: run.epoch }
  const results = await Promise.all([
    problemOf(thief.ask('events', { ...claim, events: texts(1, 1) })),
    problemOf(thief.ask('result', endOf(run))),
    problemOf(thief.ask('abort', { ...endOf(run), detail: '' })),
    problemOf(thief.ask('salvage', { ...claim, kind: 'events', detail: '', evidence: null, events: [] })),
  ])
  expect(results.map((each) => each.code)).toEqual(['lease_lost', 'lease_lost', 'lease_lost', 'lease_lost'])
  expect((await thief.beat([runOf(run)])).lost.map((each) => each.attemptId)).toEqual([run.attemptId])
  expect((await world.client.call('getTask', { params: { id: task.id } })).state).toBe('running')
  await daemon.ask('result', endOf(run))
  await Promise.all([daemon.close(), thief.close()])
})

test('an abort gives the task back and costs no attempt', async () => {
  const { daemon, run, task } = await start(newKey())
  expect((await daemon.ask('abort', { ...endOf(run), detail: 'the host shuts down' })).taskState).toBe('queued')
  const [again] = (await daemon.claim(5_000, 1, task.id)).assignments
  expect(again).toMatchObject({ n: 2 })
  if (again !== undefined) await daemon.ask('result', endOf(again))
  await daemon.close()
})

test('the offer decides what a daemon gets, also after it registers anew on the same socket', async () => {
  const key = newKey()
  const daemon = await world.daemon({ key, offer: { repos: [], name: 'grows' } })
  const other = await world.daemon({ key: newKey(), offer: { repos: [{ slug: 'acme/late', problem: 'locked' }] } })
  const task = await world.client.call('createTask', { body: { prompt: 'x', repo: 'acme/late' } })
  expect((await daemon.claim(0)).assignments).toEqual([])
  await daemon.register({ key, offer: makeOffer({ repos: [{ slug: 'acme/late', problem: null }], name: 'grows' }) })
  const [run] = (await daemon.claim(5_000)).assignments
  expect(run?.task.id).toBe(task.id)
  await Promise.all([daemon.close(), other.close()])
})

test('a socket that has registered as one daemon cannot register as another', async () => {
  const { daemon, run } = await start(newKey())
  const refused = await problemOf(daemon.register({ key: newKey(), offer: { name: 'other' } }))
  expect(refused.code).toBe('invalid_state')
  const { items } = await world.client.call('listDaemons', {})
  expect(items.map((each) => each.name)).not.toContain('other')
  // It is still the first.
  expect((await daemon.ask('result', endOf(run))).taskState).toBe('completed')
  const both = await world.connect()
  const answers = await Promise.allSettled([both.register({ key: newKey() }), both.register({ key: newKey() })])
  expect(answers.map((each) => each.status).sort()).toEqual(['fulfilled', 'rejected'])
  await Promise.all([daemon.close(), both.close()])
})

test('a claim of one task is refused when there is none by that id or it has ended', async () => {
  const daemon = await world.daemon({ key: newKey() })
  const task = await world.client.call('createTask', { body: { prompt: 'x', role: 'none' } })
  const other = await world.client.call('createTeam', { body: { name: 'elsewhere' } })
  const token = await world.client.call('createToken', { body: { name: 'far', scopes: ['user'], team: other.id } })
  const foreign = await world.as(token.secret).call('createTask', { body: { prompt: 'x', role: 'none' } })
  for (const id of ['task_nope', foreign.id]) {
    const refused = await problemOf(daemon.claim(20_000, 1, id))
    expect(refused).toMatchObject({ code: 'unknown_task', detail: expect.stringContaining(id) })
  }
  await world.client.call('cancelTask', { params: { id: task.id }, body: {} })
  const ended = await problemOf(daemon.claim(20_000, 1, task.id))
  expect(ended).toMatchObject({ code: 'invalid_state', detail: `${task.id} is cancelled already` })
  await daemon.close()
})

test('a socket that does not register is closed, and only so many may wait', async () => {
  await using small = await makeWorld({ registerTimeoutMs: 300, unregisteredSockets: 2 })
  const known = await small.daemon()
  const [first, second] = [await small.connect(), await small.connect()]
  await expect(small.connect()).rejects.toThrow('HTTP 503')
  expect((await first.closed).code).toBe(4408)
  expect((await second.closed).code).toBe(4408)
  const third = await small.connect()
  await third.register({ key: newKey(), offer: { name: 'late' } })
  expect((await known.claim(500)).assignments).toEqual([]) // longer than the limit: those that registered stay
  expect((await third.claim(0)).assignments).toEqual([])
})

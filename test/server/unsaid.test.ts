// Words said now that came too late for their agent: they become the session's next message, once, and are never lost.

import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Assignment } from '../../src/protocol/link.ts'
import { startPostgres, withoutPostgres } from '../fakes/postgres.ts'
import type { FakeDaemon, World } from './world.ts'
import { endOf, makeWorld, problemOf, runOf, texts, until } from './world.ts'

const talker = { name: 'talker', version: '1', ready: true, problem: null }

async function host(world: World, name: string): Promise<FakeDaemon> {
  return world.daemon({ key: `key-of-${name}-0000000000000`, offer: { name, harnesses: [talker] } })
}

async function take(daemon: FakeDaemon): Promise<Assignment> {
  const [assignment] = (await daemon.claim(5_000)).assignments
  if (assignment === undefined) throw new Error('nothing was claimed')
  return assignment
}

async function finish(daemon: FakeDaemon, run: Assignment): Promise<void> {
  await daemon.ask('events', { attemptId: run.attemptId, epoch: run.epoch, events: texts(1, 1) })
  await daemon.ask('result', { ...endOf(run), sessionRef: 'conv-1' })
}

/** A task at work whose agent is told something; the number under which its daemon got it. */
async function say(world: World, daemon: FakeDaemon, text: string) {
  const task = await world.client.call('createTask', {
    body: { prompt: 'begin', repo: 'acme/app', harness: 'talker' },
  })
  const run = await take(daemon)
  await daemon.beat([{ ...runOf(run), harness: 'talker', takesMessages: true }])
  const params = { id: task.id }
  expect((await world.client.call('sendMessage', { params, body: { text, now: true } })).delivered).toBe('now')
  const { seq } = await until(() => daemon.pushed.find((row) => JSON.stringify(row.body).includes(text)), text)
  return { run, params, seq }
}

let world: World
let daemon: FakeDaemon
beforeAll(async () => {
  world = await makeWorld()
  daemon = await host(world, 'late')
})
afterAll(() => world[Symbol.asyncDispose]())

const waiting = async (params: { id: string }) => (await world.client.call('listMessages', { params })).items

test('what its daemon gives back is the next message, once, in the name of who said it', async () => {
  const { run, params, seq } = await say(world, daemon, 'too late')
  await finish(daemon, run)
  for (let n = 0; n < 2; n += 1) await daemon.ask('ack', { seq, unsaid: true })
  const next = await take(daemon)
  expect(next.task).toMatchObject({ prompt: 'too late', createdBy: expect.stringMatching(/^user:/) })
  expect(next.continuation).toMatchObject({ taskId: params.id, mode: 'extend' })
  await finish(daemon, next)
  expect(await waiting(params)).toEqual([])
  expect((await daemon.claim(0)).assignments).toEqual([])
})

test('it may be given back after it was acknowledged; what nobody said is nothing, and so is what is another daemon’s', async () => {
  const { run, params, seq } = await say(world, daemon, 'not read')
  const { attemptId, epoch } = run
  await daemon.ask('ack', { seq })
  const other = await host(world, 'other')
  await other.ask('unsaid', { attemptId, epoch, seq })
  await daemon.ask('unsaid', { attemptId, epoch, seq: seq + 77 })
  expect(await waiting(params)).toEqual([])
  for (let n = 0; n < 2; n += 1) await daemon.ask('unsaid', { attemptId, epoch, seq })
  expect(await waiting(params)).toMatchObject([{ prompt: 'not read', state: 'waiting' }])
  await other.close()
  await finish(daemon, run)
  await finish(daemon, await take(daemon))
})

test('what was said to a task that was then cancelled begins nothing', async () => {
  const { run, params, seq } = await say(world, daemon, 'never mind')
  await world.client.call('cancelTask', { params, body: {} })
  await daemon.ask('ack', { seq, unsaid: true })
  await finish(daemon, run)
  expect(await waiting(params)).toEqual([])
  expect((await daemon.claim(0)).assignments).toEqual([])
})

test('a session that was closed meanwhile takes no more: it is acknowledged, and nothing is begun', async () => {
  const { run, params, seq } = await say(world, daemon, 'closed')
  await finish(daemon, run)
  await world.client.call('closeSession', { params, body: {} })
  await daemon.ask('ack', { seq, unsaid: true })
  expect((await daemon.claim(0)).assignments).toEqual([])
  const more = { prompt: 'x', continueFrom: { task: params.id, mode: 'extend' as const } }
  expect(await problemOf(world.client.call('createTask', { body: more }))).toMatchObject({ code: 'invalid_state' })
})

test('words that no daemon acknowledged before their attempt ended are found by the housekeeping', async () => {
  await using hurried = await makeWorld({ housekeepingMs: 50 })
  const gone = await host(hurried, 'gone')
  const { run, params } = await say(hurried, gone, 'into the void')
  await finish(gone, run)
  const next = await take(gone)
  expect(next).toMatchObject({ task: { prompt: 'into the void' }, continuation: { taskId: params.id } })
  await gone.close()
})

test.skipIf(withoutPostgres)(
  'a database that fails for a while costs no words, and one that fails for some holds up no others',
  async () => {
    await using stack = new AsyncDisposableStack()
    const postgres = await startPostgres()
    stack.defer(() => postgres.stop())
    const database = await postgres.makeDatabase()
    const failing = stack.use(await makeWorld({ housekeepingMs: 50 }, { database }))
    const sql = new pg.Client({ connectionString: database })
    await sql.connect()
    stack.defer(() => sql.end())
    await sql.query(`create function fail() returns trigger language plpgsql as $$ begin
    raise exception 'away' using errcode = '57P03'; end $$`)
    await sql.query(`create trigger fail before insert on tasks for each row
    when (new.doc like '%unlucky%') execute function fail()`)
    const gone = await host(failing, 'gone')
    const unlucky = await say(failing, gone, 'unlucky')
    await finish(gone, unlucky.run)
    expect(await problemOf(gone.ask('ack', { seq: unlucky.seq, unsaid: true }))).toMatchObject({ code: 'unavailable' })
    const lucky = await say(failing, gone, 'lucky one')
    await finish(gone, lucky.run)
    const next = await take(gone)
    expect(next).toMatchObject({ task: { prompt: 'lucky one' } })
    await finish(gone, next)
    await sql.query('drop trigger fail on tasks')
    const last = await take(gone)
    expect(last).toMatchObject({ task: { prompt: 'unlucky' }, continuation: { taskId: unlucky.params.id } })
    await gone.close()
  },
)

// Going on from earlier work: what a continuation takes over, waits for and is told; messages in order; sessions.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Problem } from '../../src/core/problem.ts'
import type { Assignment } from '../../src/protocol/link.ts'
import type { TestPostgres } from '../fakes/postgres.ts'
import { startPostgres, withoutPostgres } from '../fakes/postgres.ts'
import type { FakeDaemon, World } from './world.ts'
import { endOf, makeWorld, problemOf, runOf, texts, until } from './world.ts'

let world: World
let postgres: TestPostgres | null = null

const talker = { name: 'talker', version: '1', ready: true, problem: null }
const mute = { ...talker, name: 'mute' }

async function host(name: string): Promise<FakeDaemon> {
  return world.daemon({ key: `key-of-${name}-0000000000000`, offer: { name, harnesses: [talker, mute] } })
}

async function take(daemon: FakeDaemon): Promise<Assignment> {
  const [assignment] = (await daemon.claim(5_000)).assignments
  if (assignment === undefined) throw new Error('nothing was claimed')
  return assignment
}

/** Runs an attempt to its end, with a conversation. */
async function finish(daemon: FakeDaemon, run: Assignment, sessionRef: string | null = 'conv-1'): Promise<void> {
  await daemon.beat([{ ...runOf(run), harness: run.task.harness }])
  await daemon.ask('events', { attemptId: run.attemptId, epoch: run.epoch, events: texts(1, 3) })
  await daemon.ask('result', { ...endOf(run), sessionRef, sessionCid: sessionRef === null ? null : 'sha256-x' })
}

const call = () => world.client

describe.each(withoutPostgres ? ['SQLite'] : ['SQLite', 'PostgreSQL'])('on %s', (name) => {
  beforeAll(async () => {
    if (name === 'PostgreSQL') postgres = await startPostgres()
    world = await makeWorld({}, postgres === null ? {} : { database: await postgres.makeDatabase() })
  })
  afterAll(async () => {
    await world[Symbol.asyncDispose]()
    await postgres?.stop()
  })

  describe('a continuation', () => {
    test('takes over repository, agent and checks, goes to the host of its session first, and is told what was left', async () => {
      await using a = await scoped('a')
      const first = await call().call('createTask', {
        body: { prompt: 'begin', repo: 'acme/app', harness: 'talker', checks: [{ name: 'ok', command: 'true' }] },
      })
      await finish(a, await take(a))
      const next = await call().call('createTask', {
        body: { prompt: 'go on', continueFrom: { task: first.id, mode: 'extend' } },
      })
      expect(next).toMatchObject({
        repo: 'acme/app',
        harness: 'talker',
        checks: [{ name: 'ok', command: 'true' }],
        continueFrom: { task: first.id, mode: 'extend', handoff: false },
      })
      const run = await take(a)
      expect(run.task.id).toBe(next.id)
      expect(run.continuation).toMatchObject({
        mode: 'extend',
        taskId: first.id,
        sessionRef: 'conv-1',
        sessionCid: 'sha256-x',
        summary: expect.stringContaining('line 3'),
      })
      await finish(a, run)
    })

    test('waits for an unfinished task, and extends of one branch never run together', async () => {
      await using a = await scoped('b')
      const first = await call().call('createTask', { body: { prompt: 'begin', repo: 'acme/app', harness: 'talker' } })
      const running = await take(a)
      const extend = { continueFrom: { task: first.id, mode: 'extend' as const } }
      const [second, third] = [
        await call().call('createTask', { body: { prompt: 'two', ...extend } }),
        await call().call('createTask', { body: { prompt: 'three', ...extend } }),
      ]
      expect(second).toMatchObject({ state: 'waiting', reason: 'session_busy' })
      expect(third.continueFrom?.task).toBe(second.id)
      expect((await call().call('getTask', { params: { id: third.id } })).why).toContain(second.id)
      await finish(a, running)
      const runSecond = await take(a)
      expect(runSecond.task.id).toBe(second.id)
      expect((await call().call('getTask', { params: { id: third.id } })).state).toBe('waiting')
      await finish(a, runSecond, null)
      const runThird = await take(a)
      expect(runThird).toMatchObject({
        task: { id: third.id },
        continuation: { taskId: first.id, sessionRef: 'conv-1' },
      })
      await finish(a, runThird)
    })

    test('goes on waiting for the agent at work when the messages before it are taken away', async () => {
      await using a = await scoped('w')
      const first = await call().call('createTask', { body: { prompt: 'begin', repo: 'acme/app', harness: 'talker' } })
      const running = await take(a)
      const extend = { continueFrom: { task: first.id, mode: 'extend' as const } }
      const make = (prompt: string) => call().call('createTask', { body: { prompt, ...extend } })
      const [second, third, fourth] = [await make('two'), await make('three'), await make('four')]
      const stateOf = async (id: string) => (await call().call('getTask', { params: { id } })).state
      await call().call('cancelTask', { params: { id: third.id }, body: {} })
      await call().call('cancelTask', { params: { id: second.id }, body: {} })
      expect(await stateOf(fourth.id)).toBe('waiting')
      const fifth = await make('five')
      await call().call('cancelTask', { params: { id: fourth.id }, body: {} })
      expect(await stateOf(fifth.id)).toBe('waiting')
      await finish(a, running)
      const next = await take(a)
      expect(next.task.id).toBe(fifth.id)
      await finish(a, next)
    })

    test('is any host’s at once where its own takes no more work, and the conversation was uploaded', async () => {
      await using a = await scoped('s')
      const first = await call().call('createTask', { body: { prompt: 'begin', repo: 'acme/app', harness: 'talker' } })
      await finish(a, await take(a))
      await using b = await scoped('t')
      await call().call('drainDaemon', { params: { id: 's' }, body: { on: true } })
      const body = { prompt: 'go on', continueFrom: { task: first.id, mode: 'extend' as const } }
      const next = await call().call('createTask', { body })
      const run = await take(b)
      expect(run.task.id).toBe(next.id)
      await finish(b, run)
    })

    test('after a cancelled one begins only when its agent has ended', async () => {
      await using a = await scoped('c')
      const first = await call().call('createTask', { body: { prompt: 'begin', repo: 'acme/app', harness: 'talker' } })
      const running = await take(a)
      await a.beat([runOf(running)])
      const next = await call().call('createTask', {
        body: { prompt: 'next', continueFrom: { task: first.id, mode: 'extend' } },
      })
      await call().call('cancelTask', { params: { id: first.id }, body: {} })
      expect((await call().call('getTask', { params: { id: next.id } })).state).toBe('waiting')
      await a.ask('result', endOf(running))
      expect((await take(a)).task.id).toBe(next.id)
    })

    test('that failed is not retried while a later one goes on with its branch and conversation', async () => {
      await using a = await scoped('r')
      const first = await call().call('createTask', { body: { prompt: 'begin', repo: 'acme/app', harness: 'talker' } })
      await finish(a, await take(a))
      const extend = { continueFrom: { task: first.id, mode: 'extend' as const } }
      const second = await call().call('createTask', { body: { prompt: 'two', ...extend } })
      const run = await take(a)
      await a.beat([runOf(run)])
      const why = { reason: 'agent_failed', class: 'crashed', detail: 'no', resetAt: null, stays: false } as const
      await a.ask('fail', { ...endOf(run), ...why })
      const third = await call().call('createTask', { body: { prompt: 'three', ...extend } })
      const retry = () => call().call('retryTask', { params: { id: second.id }, body: {} })
      expect(await problemOf(retry())).toMatchObject({
        code: 'invalid_state',
        detail: expect.stringContaining(third.id),
      })
      await finish(a, await take(a))
      expect(await retry()).toMatchObject({ state: 'queued' })
      const fourth = await call().call('createTask', { body: { prompt: 'four', ...extend } })
      await call().call('cancelTask', { params: { id: fourth.id }, body: {} })
      await call().call('cancelTask', { params: { id: second.id }, body: {} })
    })

    test('may not choose another repository, workspace or agent', async () => {
      const first = await call().call('createTask', { body: { prompt: 'begin', repo: 'acme/app', harness: 'talker' } })
      const from = { continueFrom: { task: first.id, mode: 'fork' as const } }
      for (const fields of [{ repo: 'acme/other' }, { workspace: { mode: 'shared' as const } }, { harness: 'mute' }]) {
        const refused = problemOf(call().call('createTask', { body: { prompt: 'x', ...from, ...fields } }))
        expect(await refused).toMatchObject({ code: 'contradiction' })
      }
      const unknown = { continueFrom: { task: 'task_none', mode: 'fork' as const } }
      expect(await problemOf(call().call('createTask', { body: { prompt: 'x', ...unknown } }))).toMatchObject({
        code: 'unknown_task',
      })
      await call().call('cancelTask', { params: { id: first.id }, body: {} })
    })

    test('two made at the same moment are one after the other', async () => {
      await using a = await scoped('d')
      const first = await call().call('createTask', { body: { prompt: 'begin', repo: 'acme/app', harness: 'talker' } })
      await finish(a, await take(a))
      const body = { prompt: 'more', continueFrom: { task: first.id, mode: 'extend' as const } }
      const made = await Promise.all(Array.from({ length: 5 }, () => call().call('createTask', { body })))
      const froms = new Set(made.map((each) => each.continueFrom?.task))
      expect(froms.size).toBe(5)
      expect(made.filter((each) => each.state === 'queued')).toHaveLength(1)
      for (const each of made) await call().call('cancelTask', { params: { id: each.id }, body: {} })
    })
  })

  describe('messages', () => {
    test('queue in order, can be edited, held, let go and removed, and are delivered once', async () => {
      await using a = await scoped('e')
      const first = await call().call('createTask', { body: { prompt: 'begin', repo: 'acme/app', harness: 'talker' } })
      const running = await take(a)
      const params = { id: first.id }
      const send = async (text: string, hold = false) =>
        (await call().call('sendMessage', { params, body: { text, hold } })).task.id
      const [one, two, three] = [await send('one'), await send('two', true), await send('three')]
      const waiting = await call().call('listMessages', { params })
      expect(waiting.items.map((each) => each.prompt)).toEqual(['one', 'two', 'three'])
      await call().call('editMessage', { params: { id: one }, body: { text: 'one, better' } })
      const edited = await call().call('getTask', { params: { id: one } })
      expect(edited).toMatchObject({ prompt: 'one, better', title: 'one, better' })
      await call().call('cancelTask', { params: { id: three }, body: {} })
      await finish(a, running)
      const run = await take(a)
      expect(run.task.prompt).toBe('one, better')
      await finish(a, run)
      expect(
        await problemOf(call().call('editMessage', { params: { id: one }, body: { text: 'late' } })),
      ).toMatchObject({
        code: 'invalid_state',
      })
      const held = await call().call('getTask', { params: { id: two } })
      expect(held).toMatchObject({ state: 'waiting', held: true, why: expect.stringContaining('held') })
      await call().call('holdTask', { params: { id: two }, body: { on: false } })
      const second = await take(a)
      expect(second.task.prompt).toBe('two')
      await finish(a, second)
    })

    test('sent again under one key are one task, also once their session is closed; words said now take no key', async () => {
      await using a = await scoped('k')
      const task = await call().call('createTask', { body: { prompt: 'begin', repo: 'acme/app', harness: 'talker' } })
      await finish(a, await take(a))
      const params = { id: task.id }
      const send = (text: string, now = false) =>
        call().call('sendMessage', { params, body: { text, now }, idempotencyKey: 'message-1' })
      const first = await send('more')
      await call().call('closeSession', { params, body: {} })
      expect((await send('more')).task.id).toBe(first.task.id)
      expect(await problemOf(send('other'))).toMatchObject({ code: 'idempotency_conflict' })
      expect(await problemOf(send('more', true))).toMatchObject({ code: 'contradiction' })
      await finish(a, await take(a))
    })

    test('are said now to an agent that takes words at work, and refused for one that does not', async () => {
      await using a = await scoped('f')
      const tell = (id: string) => call().call('sendMessage', { params: { id }, body: { text: 'stop', now: true } })
      const task = await call().call('createTask', { body: { prompt: 'begin', repo: 'acme/app', harness: 'talker' } })
      const run = await take(a)
      expect(await problemOf(tell(task.id))).toMatchObject({ code: 'invalid_state' })
      await a.beat([{ ...runOf(run), harness: 'talker', takesMessages: true }])
      await call().call('sendMessage', { params: { id: task.id }, body: { text: 'later', hold: true } })
      expect((await tell(task.id)).delivered).toBe('now')
      await until(() => a.pushed.some((row) => row.type === 'message'))
      expect(a.pushed.find((row) => row.type === 'message')?.body).toMatchObject({
        attemptId: run.attemptId,
        text: 'stop',
      })
      const queued = await call().call('sendMessage', { params: { id: task.id }, body: { text: 'at once, after all' } })
      const late = { params: { id: queued.task.id }, body: {} }
      expect(await call().call('sayMessage', late)).toMatchObject({ delivered: 'now', task: { id: task.id } })
      await until(() => a.pushed.filter((row) => row.type === 'message').length === 2)
      expect(a.pushed.findLast((row) => row.type === 'message')?.body).toMatchObject({ text: 'at once, after all' })
      expect((await call().call('getTask', { params: late.params })).state).toBe('cancelled')
      expect(await problemOf(call().call('sayMessage', late))).toMatchObject({ code: 'invalid_state' })
      await finish(a, run)
      const other = await call().call('createTask', { body: { prompt: 'begin', repo: 'acme/app', harness: 'mute' } })
      const silent = await take(a)
      await a.beat([{ ...runOf(silent), harness: 'mute' }])
      const kept = (await call().call('sendMessage', { params: { id: other.id }, body: { text: 'x', hold: true } }))
        .task.id
      expect(await problemOf(call().call('sayMessage', { params: { id: kept }, body: {} }))).toMatchObject({
        code: 'invalid_state',
        detail: expect.stringContaining('takes no words while it works'),
      })
      expect(await call().call('getTask', { params: { id: kept } })).toMatchObject({ state: 'waiting', held: true })
      expect(await problemOf(tell(other.id))).toMatchObject({ code: 'invalid_state' })
      await finish(a, silent)
    })
  })

  test('a waiting message that brings more than words is not said now: it waits on, whole', async () => {
    await using a = await scoped('m')
    const check = { name: 'ok', command: 'true' }
    const begin = { prompt: 'begin', repo: 'acme/app', harness: 'talker', checks: [check] }
    const first = await call().call('createTask', { body: begin })
    const run = await take(a)
    await a.beat([{ ...runOf(run), harness: 'talker', takesMessages: true }])
    const { cid } = await call().upload(Buffer.from('a drawing'))
    const go = { prompt: 'and this', continueFrom: { task: first.id, mode: 'extend' as const } }
    const made: string[] = []
    const say = async (body: object) => {
      const { id } = await call().call('createTask', { body: { ...go, ...body } })
      const params = { id }
      const said = await call()
        .call('sayMessage', { params, body: {} })
        .catch((problem: Problem) => problem.detail)
      const { state } = await call().call('getTask', { params })
      made.unshift(id)
      return [typeof said === 'string' ? said.replace(id, 'it') : said.delivered, state]
    }
    const refused = (more: string) => [
      `it ${more}, which cannot be said to an agent at work; let it wait its turn`,
      'waiting',
    ]
    const attachments = [{ name: 'a.txt', cid }]
    expect(await say({ attachments })).toEqual(refused('brings files'))
    expect(await say({ checks: [{ ...check, command: 'false' }] })).toEqual(refused('brings checks of its own'))
    expect(await say({ context: [{ slug: 'a', text: 'b' }] })).toEqual(refused('brings texts of context'))
    const fork = { continueFrom: { task: first.id, mode: 'fork' }, runAt: Date.now() + 3_600_000 }
    expect(await say(fork)).toEqual(refused('begins a conversation of its own'))
    expect(await say({ runAt: Date.now() + 3_600_000 })).toEqual(['now', 'cancelled'])
    for (const id of made.slice(1)) await call().call('cancelTask', { params: { id }, body: {} })
    await finish(a, run)
  })

  describe('a session', () => {
    test('is listed with where it lives, is closed, and then takes no more tasks but can be forked', async () => {
      await using a = await scoped('g')
      const first = await call().call('createTask', {
        body: { prompt: 'begin', repo: 'acme/app', harness: 'talker', correlationId: 'c-1' },
      })
      const params = { id: first.id }
      expect(await problemOf(call().call('getSession', { params }))).toMatchObject({ code: 'not_found' })
      await finish(a, await take(a))
      const [listed] = (await call().call('listSessions', { query: { limit: 1 } })).items
      expect(listed).toMatchObject({ id: first.id, state: 'idle', daemonName: 'g', correlationId: 'c-1', tasks: 1 })
      expect(await call().call('closeSession', { params, body: {} })).toMatchObject({ state: 'closed' })
      const extend = { prompt: 'x', continueFrom: { task: first.id, mode: 'extend' as const } }
      expect(await problemOf(call().call('createTask', { body: extend }))).toMatchObject({ code: 'invalid_state' })
      const fork = { prompt: 'x', continueFrom: { task: first.id, mode: 'fork' as const } }
      const forked = await call().call('createTask', { body: fork })
      expect(forked).toMatchObject({ state: 'queued', continueFrom: { mode: 'fork' }, correlationId: 'c-1' })
      await call().call('cancelTask', { params: { id: forked.id }, body: {} })
    })

    test('is joined by a task of its correlation that asks for the session’s workspace', async () => {
      await using a = await scoped('h')
      const body = {
        prompt: 'begin',
        repo: 'acme/app',
        harness: 'talker',
        correlationId: 'c-2',
        workspace: { scope: 'session' as const },
      }
      const first = await call().call('createTask', { body })
      expect(first.continueFrom).toBeNull()
      await finish(a, await take(a))
      const second = await call().call('createTask', { body })
      expect(second.continueFrom).toMatchObject({ task: first.id, mode: 'extend' })
      await finish(a, await take(a))
      const pages = await call().call('listSessions', { query: { limit: 1 } })
      const rest = await call().call('listSessions', { query: { limit: 100, cursor: pages.nextCursor ?? '' } })
      expect(rest.items.map((each) => each.id)).not.toContain(pages.items[0]?.id)
    })

    test('of another team is not there', async () => {
      const [some] = (await call().call('listSessions', {})).items
      const team = await call().call('createTeam', { body: { name: 'strangers' } })
      const token = await call().call('createToken', { body: { name: 'stranger', scopes: ['user'], team: team.name } })
      const stranger = world.as(token.secret)
      const params = { id: some?.id ?? '' }
      expect(await problemOf(stranger.call('getSession', { params }))).toMatchObject({ code: 'not_found' })
      const body = { text: 'hello' }
      expect(await problemOf(stranger.call('sendMessage', { params, body }))).toMatchObject({ code: 'not_found' })
      expect((await stranger.call('listSessions', {})).items).toEqual([])
    })
  })
})

async function scoped(name: string): Promise<FakeDaemon & AsyncDisposable> {
  const daemon = await host(name)
  return Object.assign(daemon, { [Symbol.asyncDispose]: async () => daemon.drop() })
}

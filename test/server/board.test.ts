// The board, acting on many, jobs and figures; and the stream that says what changed.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { followTeam } from '../../src/client/team.ts'
import { boardGroups } from '../../src/core/board.ts'
import type { QueryIn } from '../../src/protocol/operations.ts'
import { begin, fail, finish, host, running } from '../web/fleet.ts'
import type { FakeDaemon, World } from './world.ts'
import { makeWorld, problemOf, until } from './world.ts'

let world: World
let box: FakeDaemon

beforeAll(async () => {
  world = await makeWorld()
  box = await world.daemon({ offer: host('box', 8) })
})
afterAll(() => world?.[Symbol.asyncDispose]())

const columns = async (call: { readonly query?: QueryIn<'getBoard'> } = {}) =>
  (await world.client.call('getBoard', call)).columns

test('the columns that SQL fills are the ones that the pure function names, in every state', async () => {
  const give = (prompt: string, more: object = {}) => begin(world, box, { prompt, harness: 'claude-code', ...more })
  const ask = await give('asks')
  await running(box, ask)
  await box.ask('request', {
    attemptId: ask.attemptId,
    epoch: ask.epoch,
    requestId: 'req_00000000000000000000000000',
    kind: 'question',
    title: 'which?',
    body: {},
    options: [],
    openForMs: 60_000,
  })
  await running(box, await give('works'))
  await give('is prepared')
  await finish(world, box, await give('is done'), {})
  await finish(world, box, await give('is in review', { review: 'required' }), {})
  const bad = await finish(world, box, await give('is rejected', { review: 'required' }), {})
  await world.client.call('rejectTask', { params: { id: bad.id }, body: {} })
  await fail(box, await give('fails', { maxAttempts: 1 }), 'it broke')
  await world.client.call('createTask', { body: { prompt: 'waits for an agent', harness: 'gemini-cli' } })
  await world.client.call('createTask', { body: { prompt: 'waits for its time', runAt: Date.now() + 60_000 } })
  const gone = await world.client.call('createTask', { body: { prompt: 'is cancelled', harness: 'gemini-cli' } })
  await world.client.call('cancelTask', { params: { id: gone.id }, body: {} })
  const found = await columns()
  expect(found.map((column) => column.group)).toEqual([...boardGroups])
  for (const column of found) for (const card of column.items) expect(card.group, card.title).toBe(column.group)
  expect(Object.fromEntries(found.map(({ group, items }) => [group, items.map((card) => card.title).sort()]))).toEqual({
    needs_you: ['asks'],
    working: ['is prepared', 'works'],
    queued: ['waits for an agent', 'waits for its time'],
    parked: [],
    in_review: ['is in review'],
    done: ['is cancelled', 'is done'],
    failed: ['fails', 'is rejected'],
  })
  const waiting = found.flatMap((column) => column.items).find((card) => card.title === 'waits for an agent')
  expect(waiting?.why).toContain('gemini')
})

test('it is narrowed by words, agent, maker and host, and read on by group', async () => {
  const titles = (found: Awaited<ReturnType<typeof columns>>) =>
    found.flatMap((column) => column.items.map((card) => card.title)).sort()
  expect(titles(await columns({ query: { text: 'REVIEW' } }))).toEqual(['is in review'])
  expect(titles(await columns({ query: { text: '50%_of' } }))).toEqual([])
  expect(titles(await columns({ query: { harness: 'gemini-cli' } }))).toEqual(['is cancelled', 'waits for an agent'])
  expect(titles(await columns({ query: { createdBy: 'user:nobody' } }))).toEqual([])
  expect(titles(await columns({ query: { daemon: 'box', group: 'failed' } }))).toEqual(['fails', 'is rejected'])
  const [first] = await columns({ query: { group: 'failed', limit: 1 } })
  expect([first?.count, first?.items.length]).toEqual([2, 1])
  const [rest] = await columns({ query: { group: 'failed', limit: 1, cursor: first?.nextCursor ?? '' } })
  expect(rest?.items.map((card) => card.title)).toEqual(['is rejected'])
  expect((await problemOf(columns({ query: { cursor: '1' } }))).code).toBe('invalid_request')
})

test('several tasks are changed at once, and each refusal is named', async () => {
  const [failed] = await columns({ query: { group: 'failed' } })
  const ids = failed?.items.map((card) => card.id) ?? []
  const answer = await world.client.call('changeTasks', { body: { action: 'cancel', ids: [...ids, 'task_none'] } })
  expect(answer.changed.length + answer.refused.length).toBe(ids.length + 1)
  expect(answer.refused.map((each) => each.code)).toContain('not_found')
  const retried = await world.client.call('changeTasks', { body: { action: 'retry', ids } })
  expect(retried.changed.toSorted()).toEqual(ids.toSorted())
})

test('jobs are attempts across tasks, and the figures count what ended', async () => {
  const active = await world.client.call('listJobs', { query: { state: 'active' } })
  expect(active.items.map((job) => job.title).sort()).toEqual(['asks', 'is prepared', 'works'])
  const first = await world.client.call('listJobs', { query: { state: 'ended', limit: 2, daemon: 'box' } })
  const second = await world.client.call('listJobs', {
    query: { state: 'ended', limit: 2, cursor: first.nextCursor ?? '' },
  })
  expect(new Set([...first.items, ...second.items].map((job) => job.id)).size).toBe(4)
  const stats = await world.client.call('getStats', { query: { days: 1 } })
  expect(stats.outcomes.map(({ state, n }) => [state, n])).toEqual([
    ['completed', 3],
    ['failed', 1],
  ])
  expect(stats.buckets).toHaveLength(24)
  expect(stats.buckets.at(-1)?.costUsd).toBeGreaterThan(0)
})

test('who changed what is written down, for administrators, and nothing of what was read', async () => {
  const { items } = await world.client.call('listAudit', { query: { limit: 3 } })
  expect(items.map((line) => [line.actor, line.operation])).toContainEqual(['user:local', 'changeTasks'])
  const [newest] = items
  await world.client.call('createPool', { body: { name: 'audited' } })
  await world.client.call('removePool', { params: { id: 'audited' } })
  const page = await world.client.call('listAudit', { query: { limit: 2 } })
  expect(page.items.map((line) => [line.operation, line.target])).toEqual([
    ['removePool', 'audited'],
    ['createPool', expect.stringMatching(/^pool_/)],
  ])
  const older = await world.client.call('listAudit', { query: { limit: 1, cursor: page.nextCursor ?? '' } })
  expect(older.items).toEqual([newest])
  const only = async (query: QueryIn<'listAudit'>) =>
    (await world.client.call('listAudit', { query })).items.map((line) => line.operation)
  expect(await only({ target: 'audited' })).toEqual(['removePool'])
  expect(await only({ actor: 'user:local', operation: 'createPool' })).toEqual(['createPool'])
  expect(await only({ actor: 'user:nobody' })).toEqual([])
})

test('what was asked for, from where, is written down before it is done, and taken back when it is refused', async () => {
  const { client } = world
  const newest = async () => (await client.call('listAudit', { query: { limit: 1 } })).items[0]
  await client.call('createMember', { body: { name: 'eve', role: 'manager' } })
  expect(await newest()).toMatchObject({
    operation: 'createMember',
    target: expect.stringMatching(/^acc_/),
    detail: { name: 'eve', role: 'manager' },
    address: '127.0.0.1',
    source: 'call',
  })
  expect(await newest()).not.toHaveProperty('unfinished')
  const before = await newest()
  await problemOf(client.call('createMember', { body: { name: 'eve' } }))
  await problemOf(client.call('removeMember', { params: { id: 'nobody' } }))
  expect(await newest()).toEqual(before)
  const secret = {
    name: 'with-context',
    context: [{ slug: 'a', text: 'SECRET-WORDS' }],
    sandbox: { runtime: 'none' as const },
  }
  await client.call('createProfile', { body: secret })
  const line = await newest()
  expect(line).toMatchObject({ operation: 'createProfile', detail: { name: 'with-context' } })
  expect(JSON.stringify(line)).not.toContain('SECRET-WORDS')
})

test('with tasks the audit log also tells who made them, in order and page by page, and of one task all of its log', async () => {
  const { client } = world
  const { id } = await client.call('createTask', { body: { prompt: 'SECRET-WORDS', harness: 'gemini-cli' } })
  await client.call('cancelTask', { params: { id }, body: { message: 'SECRET-WORDS' } })
  const query = { with: 'tasks', limit: 2 } as const
  const first = await client.call('listAudit', { query })
  expect(first.items.map(({ source, operation, target }) => [source, operation, target])).toEqual([
    ['call', 'cancelTask', id],
    ['task', 'createTask', id],
  ])
  expect(first.items[1]).toMatchObject({ actor: 'user:local', detail: { harness: 'gemini-cli' } })
  const seen = [...first.items]
  for (let cursor = first.nextCursor; cursor !== null; ) {
    const page = await client.call('listAudit', { query: { ...query, cursor } })
    seen.push(...page.items)
    cursor = page.nextCursor
  }
  const all = await client.call('listAudit', { query: { with: 'tasks', limit: 200 } })
  expect(all.nextCursor).toBeNull()
  expect(seen).toEqual(all.items)
  expect(seen.map(({ at }) => at)).toEqual(seen.map(({ at }) => at).toSorted((a, b) => b - a))
  const ofTask = (await client.call('listAudit', { query: { with: 'tasks', target: id } })).items
  expect(ofTask.map(({ source, operation }) => `${source} ${operation}`)).toEqual([
    'task cancelled',
    'call cancelTask',
    'task queued',
    'task created',
  ])
  expect(JSON.stringify(ofTask)).not.toContain('SECRET-WORDS')
  expect((await problemOf(client.call('listAudit', { query: { cursor: 'x' } }))).code).toBe('invalid_request')
})

test('the team’s stream says that it listens, then what changed, and nothing of another team', async () => {
  await world.client.call('createTeam', { body: { name: 'others' } })
  const { secret } = await world.client.call('createToken', {
    body: { name: 'other', scopes: ['user'], team: 'others' },
  })
  const over = new AbortController()
  const heard: { mine: unknown[]; theirs: unknown[] } = { mine: [], theirs: [] }
  const listen = async (token: string, to: unknown[]) => {
    for await (const news of followTeam({ url: world.server.url, token }, { signal: over.signal })) to.push(news)
  }
  const loops = [listen(world.server.token, heard.mine), listen(secret, heard.theirs)]
  await until(() => heard.mine.length > 0 && heard.theirs.length > 0, 'both streams')
  const { id } = await world.client.call('createTask', { body: { prompt: 'new', harness: 'gemini-cli' } })
  await until(() => JSON.stringify(heard.mine).includes(id), 'the news of the task')
  expect(heard.mine[0]).toEqual({ type: 'ready' })
  expect(heard.theirs).toEqual([{ type: 'ready' }])
  over.abort()
  await Promise.all(loops)
})

test('a browser’s session takes the token itself, so that revoking it ends the session', async () => {
  const { id, secret } = await world.client.call('createToken', { body: { name: 'tab', scopes: ['user'] } })
  const { url } = world.server
  const post = (token: string, headers: Record<string, string> = { origin: url }) =>
    fetch(`${url}/v1/session`, { method: 'POST', body: JSON.stringify({ token }), headers })
  expect((await post(secret, {})).status).toBe(403)
  expect((await post('cap_wrong')).status).toBe(401)
  expect((await post(world.server.daemonToken)).status).toBe(403)
  const response = await post(secret)
  expect(response.status).toBe(204)
  const cookie = (response.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
  const look = async () => (await fetch(`${url}/v1/whoami`, { headers: { cookie } })).status
  expect(await look()).toBe(200)
  await world.client.call('revokeToken', { params: { id } })
  await until(async () => (await look()) === 401, 'the end of the session')
})

// Requests over REST and the link: opened by a daemon, seen by followers, answered once, sent to the daemon until it says that it has it.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Assignment } from '../../src/protocol/link.ts'
import type { FakeDaemon, World } from './world.ts'
import { makeWorld, problemOf, runOf, until } from './world.ts'

let world: World
let daemon: FakeDaemon
beforeAll(async () => {
  world = await makeWorld()
  daemon = await world.daemon()
})
afterAll(() => world[Symbol.asyncDispose]())

const options = [
  { id: 'y', label: 'Allow', grants: 'allow' },
  { id: 'n', label: 'Deny', grants: 'deny' },
] as const
const permission = { kind: 'permission', title: 'npm publish', body: { command: 'npm publish' }, options } as const

async function running(): Promise<Assignment> {
  await world.client.call('createTask', { body: { prompt: 'ask me', repo: 'acme/app' } })
  const [claim] = (await daemon.claim()).assignments
  if (claim === undefined) throw new Error('nothing to claim')
  await daemon.beat([runOf(claim)])
  return claim
}

async function ask(claim: Assignment, requestId: string, more: object = {}): Promise<void> {
  const { attemptId, epoch } = claim
  const body = { attemptId, epoch, requestId, ...permission, options: [...options], openForMs: 60_000, ...more }
  await daemon.ask('request', body)
}

test('a request is listed with what is asked, counted on its task, and answered once', async () => {
  const { client } = world
  const claim = await running()
  await ask(claim, 'req_listed')
  const { items } = await client.call('listRequests', {})
  expect(items).toMatchObject([{ id: 'req_listed', taskId: claim.task.id, state: 'open', answer: null, ...permission }])
  expect((items[0]?.expiresAt ?? 0) - (items[0]?.createdAt ?? 0)).toBe(60_000)
  expect((await client.call('getTask', { params: { id: claim.task.id } })).openRequests).toBe(1)
  const params = { id: 'req_listed' }
  const answered = await client.call('answerRequest', { params, body: { optionId: 'y', text: 'go' } })
  expect(answered).toMatchObject({ state: 'answered', answer: { optionId: 'y', text: 'go' } })
  expect(answered.answer?.by).toMatch(/^user:/)
  const again = await problemOf(client.call('answerRequest', { params, body: { optionId: 'n' } }))
  expect([again.code, again.status]).toEqual(['invalid_state', 409])
  expect((await client.call('getTask', { params: { id: claim.task.id } })).openRequests).toBe(0)
  expect((await client.call('listRequests', { query: { task: claim.task.id } })).items).toEqual([])
  const all = await client.call('listTaskRequests', { params: { id: claim.task.id } })
  expect(all.items).toEqual([answered])
  expect(await client.call('getRequest', { params })).toEqual(answered)
})

test('of many who answer at one moment one is heard, and every other one is told who was first', async () => {
  const claim = await running()
  await ask(claim, 'req_raced')
  const params = { id: 'req_raced' }
  const answers = Array.from({ length: 12 }, (_, at) => (at % 2 === 0 ? 'y' : 'n')).map((optionId) =>
    world.client.call('answerRequest', { params, body: { optionId } }).then(
      (request) => request.answer?.optionId,
      (error) => error,
    ),
  )
  const heard = await Promise.all(answers)
  const [winner, ...others] = heard.filter((each) => typeof each === 'string')
  expect(others).toEqual([])
  const told = heard.filter((each) => typeof each !== 'string')
  expect(told).toHaveLength(11)
  for (const each of told)
    expect(each).toMatchObject({ code: 'invalid_state', detail: expect.stringMatching(/by user:/) })
  expect((await world.client.call('getRequest', { params })).answer?.optionId).toBe(winner)
  const sent = () => daemon.pushed.filter(({ body }) => JSON.stringify(body).includes('req_raced'))
  await until(() => sent().length > 0, 'the answer')
  expect(sent()).toHaveLength(1)
})

test('the answer is sent to the daemon, and again after each reconnect, until it is acknowledged', async () => {
  const claim = await running()
  await ask(claim, 'req_sent')
  await world.client.call('answerRequest', { params: { id: 'req_sent' }, body: { optionId: 'n' } })
  const sent = () =>
    daemon.pushed.find(({ type, body }) => type === 'answer' && JSON.stringify(body).includes('req_sent'))
  const first = await until(sent, 'the answer')
  expect(first.body).toMatchObject({ requestId: 'req_sent', attemptId: claim.attemptId, optionId: 'n', text: null })
  daemon.drop()
  daemon = await world.daemon({ running: [runOf(claim)] })
  const second = await until(sent, 'the answer again')
  expect(second).toEqual(first)
  await daemon.ask('ack', { seq: second.seq })
  daemon.drop()
  daemon = await world.daemon({ running: [runOf(claim)] })
  await daemon.beat([runOf(claim)])
  expect(sent()).toBeUndefined()
})

test('followers see the task change when it asks, and when it is answered', async () => {
  const claim = await running()
  const gone = new AbortController()
  const counts: number[] = []
  const following = (async () => {
    for await (const followed of world.client.follow(claim.task.id, { signal: gone.signal })) {
      if (followed.type === 'task' && counts.at(-1) !== followed.task.openRequests)
        counts.push(followed.task.openRequests)
    }
  })().catch(() => {}) // ended below
  await until(() => counts.length === 1, 'the first state')
  await ask(claim, 'req_followed')
  await until(() => counts.length === 2, 'the request')
  await world.client.call('answerRequest', { params: { id: 'req_followed' }, body: { optionId: 'y' } })
  await until(() => counts.length === 3, 'the answer')
  expect(counts).toEqual([0, 1, 0])
  gone.abort()
  await following
})

test('an agent may take it back; a daemon of the version before says nothing of what options grant', async () => {
  const claim = await running()
  const { attemptId, epoch } = claim
  await daemon.askRaw('request', {
    ...{ attemptId, epoch, requestId: 'req_plain', ...permission, openForMs: 60_000 },
    options: [{ id: 'y', label: 'Yes' }],
  })
  const read = () => world.client.call('getRequest', { params: { id: 'req_plain' } })
  expect((await read()).options).toEqual([{ id: 'y', label: 'Yes', grants: 'other' }])
  for (let n = 0; n < 2; n += 1) await daemon.ask('withdraw', { attemptId, epoch, requestId: 'req_plain' })
  expect((await read()).state).toBe('withdrawn')
})

test('an answer that the request does not take is refused with what it takes', async () => {
  await ask(await running(), 'req_wrong')
  const wrong = (body: { optionId?: string; text?: string }) =>
    problemOf(world.client.call('answerRequest', { params: { id: 'req_wrong' }, body }))
  expect((await wrong({ optionId: 'x' })).detail).toContain('choose one of: y, n')
  expect((await wrong({ text: 'sure' })).detail).toContain('answer with an option: y, n')
  expect((await wrong({})).code).toBe('invalid_request')
  const none = await problemOf(world.client.call('getRequest', { params: { id: 'req_none' } }))
  expect(none.status).toBe(404)
})

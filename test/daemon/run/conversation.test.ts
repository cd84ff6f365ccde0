// A conversation with a real process: what it asks goes out once, what people answer reaches it once, whenever its daemon dies.

import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readDeadline } from '../../../src/daemon/supervisor/run-folder.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { until } from '../supervisor/run-world.ts'
import { answerOf, attemptId, greeting, options, TalkWorld, two } from './talk-world.ts'

let world: TalkWorld
beforeEach(() => {
  world = new TalkWorld()
})
afterEach(async () => world[Symbol.asyncDispose]())

test('two asks at once become two requests; each answer reaches the agent once, in the order they were given', async () => {
  await world.start(two)
  const daemon = world.daemon()
  const [a, b] = await daemon.asked(2)
  expect(daemon.requests()).toMatchObject([
    { kind: 'permission', title: 'touch a.txt', body: { command: 'touch a.txt' }, options, openForMs: 36_000_000 },
    { title: 'touch b.txt' },
  ])
  expect(daemon.events.filter(({ type }) => type === 'request')).toMatchObject([{ requestId: a }, { requestId: b }])
  await daemon.answer(b, 'n', 'not that one')
  await daemon.answer(a, 'y')
  await daemon.answer(a, 'n')
  await daemon.answer('req_unknown', 'y')
  await daemon.ended
  expect(world.heard()).toEqual([
    ...greeting,
    '{"id":"b","decision":"deny","words":"not that one"}',
    '{"id":"a","decision":"allow"}',
  ])
  expect([existsSync(join(world.dir, 'a.txt')), existsSync(join(world.dir, 'b.txt'))]).toEqual([true, false])
  const notices = daemon.events.flatMap((event) => (event.type === 'notice' ? [event.message] : []))
  expect(notices).toEqual([
    'user:ann answered "Deny: not that one" to: touch b.txt',
    'user:ann answered "Allow" to: touch a.txt',
  ])
  daemon.journal[Symbol.dispose]()
})

test('a daemon that died with requests open takes answers up where it was; nothing is said or asked twice', async () => {
  await world.start(two)
  const first = world.daemon()
  const ids = await first.asked(2)
  await first.answer(ids[0], 'y')
  await first.die()
  const idle = world.daemon() // it finds an answer that was taken, and nothing after it
  await until(() => idle.standing.length > 0, 'the idle start')
  await idle.die()
  const second = world.daemon()
  expect(JSON.stringify(second.journal.pending(-1))).not.toContain('was lost')
  await second.answer(ids[0], 'y') // sent again: the server did not hear that it was taken
  await second.answer(ids[1], 'y')
  await second.ended
  expect(world.heard()).toEqual([...greeting, '{"id":"a","decision":"allow"}', '{"id":"b","decision":"allow"}'])
  expect(second.requests().map(({ requestId }) => requestId)).toEqual(ids)
  expect(JSON.stringify(second.events)).not.toContain('was lost')
  const seqs = second.journal.pending(-1).flatMap((row) => (row.kind === 'events' ? row.events : []))
  expect(seqs.map(({ seq }) => seq)).toEqual(seqs.map((_, at) => at + 1))
  second.journal[Symbol.dispose]()
})

test('a journal that was lost doubles nothing: output and answers are gone through again, what the agent has is found', async () => {
  await world.start([...two, { id: 'c', command: 'touch c.txt' }])
  const first = world.daemon()
  const ids = await first.asked(3)
  await first.answer(ids[0], 'y')
  await first.inbox.put({ kind: 'message', seq: 3, text: 'hurry', by: 'user:ann' })
  await first.answer(ids[1], 'n')
  const before = first.journal.cursor(attemptId).nextSeq
  await first.die()
  for (const end of ['', '-wal', '-shm']) rmSync(world.journalPath + end, { force: true })
  const second = world.daemon()
  await until(() => second.journal.cursor(attemptId).nextSeq === before, 'the same events')
  expect((await second.asked(3)).toSorted()).toEqual(ids.toSorted())
  await second.answer(ids[1], 'y') // known, although its journal is new
  await second.inbox.put({ kind: 'message', seq: 3, text: 'hurry', by: 'user:ann' })
  await second.answer(ids[2], 'y')
  await second.ended
  expect(world.heard()).toEqual([
    ...greeting,
    '{"id":"a","decision":"allow"}',
    '{"words":"hurry"}',
    '{"id":"b","decision":"deny"}',
    '{"id":"c","decision":"allow"}',
  ])
  second.journal[Symbol.dispose]()
})

test('while a request is open the deadline is held, several at once hold it once, and a restart does not lose it', async () => {
  const deadlineAt = Math.ceil(Date.now() / 1_000) * 1_000 + 60_000
  await world.start(two, deadlineAt)
  const first = world.daemon()
  const ids = await first.asked(2)
  await until(() => readDeadline(world.handle.runDir) === null, 'a held deadline')
  await first.answer(ids[0], 'y')
  expect(readDeadline(world.handle.runDir)).toBeNull()
  expect(first.standing.at(-1)).toBe(true)
  await first.die()
  const second = world.daemon()
  await until(() => second.standing.length > 0, 'the second start')
  expect(readDeadline(world.handle.runDir)).toBeNull()
  await systemClock.sleep(1_100) // whole seconds: the file's unit
  await second.answer(ids[1], 'y')
  expect(readDeadline(world.handle.runDir)).toBeGreaterThan(deadlineAt)
  expect(readDeadline(world.handle.runDir)).toBeLessThanOrEqual(deadlineAt + 10_000)
  expect(second.standing.at(-1)).toBe(false)
  await second.ended
  second.journal[Symbol.dispose]()
})

test('a rule answers without a person, and the transcript names it; other commands are asked', async () => {
  await world.start([
    { id: 'a', command: 'touch a.txt' },
    { id: 'b', command: 'touch b.txt; touch c.txt' },
  ])
  const daemon = world.daemon({ rules: [{ executable: 'touch' }] })
  const [b] = await daemon.asked(1)
  await until(() => existsSync(join(world.dir, 'a.txt')), 'the allowed command')
  expect(daemon.events.filter(({ type }) => type === 'request')).toMatchObject([
    { title: 'touch a.txt', rule: 'touch …' },
    { title: 'touch b.txt; touch c.txt', requestId: b },
  ])
  await daemon.answer(b, null)
  await daemon.ended
  expect(existsSync(join(world.dir, 'b.txt'))).toBe(false)
  expect(daemon.events).toContainEqual({
    type: 'notice',
    message: 'denied, as nobody answered in time: touch b.txt; touch c.txt',
  })
  daemon.journal[Symbol.dispose]()
})

test('an agent that floods people with requests is denied the rest, and so is one that takes an id of ours', async () => {
  const flood = Array.from({ length: 1_001 }, (_, at) => ({ id: `f${at}`, command: 'true' }))
  await world.start([{ id: 'capstan x', command: 'touch own.txt' }, ...flood])
  const daemon = world.daemon()
  await daemon.asked(1_000)
  await until(() => world.heard().length === 4, 'two denials')
  expect(world.heard().slice(2)).toEqual(['{"id":"capstan x","decision":"deny"}', '{"id":"f1000","decision":"deny"}'])
  expect(daemon.events.flatMap((event) => (event.type === 'notice' ? [event.message] : []))).toEqual([
    'not put to a person, because its id is one of Capstan’s own: touch own.txt',
    'not put to a person, because 1000 requests of this run were before: true',
  ])
  await daemon.die()
})

test('where the host names its approvers, nobody else grants anything; anybody may deny', async () => {
  await world.start([...two, { id: 'c', command: 'touch c.txt' }])
  const daemon = world.daemon({ approvers: ['bob'] })
  const [a, b, c] = await daemon.asked(3)
  await daemon.answer(a, 'y')
  await daemon.answer(b, 'n')
  await daemon.inbox.put({ ...answerOf(c, 'y'), by: 'user:bob' })
  await daemon.ended
  expect(['a', 'b', 'c'].map((name) => existsSync(join(world.dir, `${name}.txt`)))).toEqual([false, false, true])
  expect(daemon.events).toContainEqual({
    type: 'notice',
    message: "denied, as user:ann is not among the approvers of this host's policy.toml: touch a.txt",
  })
  daemon.journal[Symbol.dispose]()
})

test('what is asked leaves the host without secrets and not longer than a page', async () => {
  await world.start([{ id: 'a', command: `echo hunter2hunter2 ${'x'.repeat(100_000)}` }])
  const daemon = world.daemon({ secrets: { DB_PASSWORD: 'hunter2hunter2' } })
  await daemon.asked(1)
  const [request] = daemon.requests()
  expect(request?.title).toMatch(/^echo \[redacted DB_PASSWORD\] x+…$/)
  const body = JSON.stringify(request?.body)
  expect(body).not.toContain('hunter2hunter2')
  expect(Buffer.byteLength(body)).toBeLessThanOrEqual(65_536)
  expect(request?.body.shortened).toMatch(/the log on the host has them all/)
  await daemon.die()
})

test('requests that are open when the agent ends are taken back', async () => {
  await world.start(two)
  const daemon = world.daemon()
  const ids = await daemon.asked(2)
  process.kill(world.handle.agentPid, 'SIGKILL')
  await daemon.ended
  expect(daemon.rows('withdraw').map((row) => row.kind === 'withdraw' && row.body.requestId)).toEqual(ids)
  daemon.journal[Symbol.dispose]()
})

test('a server that lost what was asked hears it again, and that nobody waits for what was answered meanwhile', async () => {
  await world.start(two)
  const daemon = world.daemon()
  const [a, b] = await daemon.asked(2)
  await daemon.answer(a, 'y')
  const sent = daemon.journal.pending(-1).at(-1)?.id ?? 0
  const since = () => daemon.journal.pending(-1).flatMap((row) => (row.id > sent && row.kind !== 'events' ? [row] : []))
  await daemon.inbox.put({ kind: 'listed', requests: [b ?? ''] })
  expect(since()).toEqual([])
  await daemon.inbox.put({ kind: 'listed', requests: [a ?? ''] })
  expect(since()).toMatchObject([
    { kind: 'request', body: { requestId: b, title: 'touch b.txt', body: { command: 'touch b.txt' } } },
    { kind: 'withdraw', body: { requestId: a, epoch: 1 } },
  ])
  await daemon.answer(b, 'y')
  await daemon.ended
  expect(world.heard()).toEqual([...greeting, '{"id":"a","decision":"allow"}', '{"id":"b","decision":"allow"}'])
  daemon.journal[Symbol.dispose]()
})

test('what nobody answers is denied by the host’s own clock a minute after its time, and the server is told so', async () => {
  await world.start([{ id: 'a', command: 'touch a.txt' }])
  const daemon = world.daemon()
  const [a] = await daemon.asked(1)
  const until = daemon.journal.talk.until(attemptId, a ?? '') ?? 0
  expect(until - Date.now()).toBeGreaterThan(35_900_000)
  expect(daemon.journal.talk.overdue(until + 59_999)).toEqual([])
  expect(daemon.journal.talk.overdue(until + 60_000)).toEqual([{ attemptId, requestId: a }])
  await daemon.inbox.put({ ...answerOf(a, null), by: 'host' })
  expect(daemon.journal.talk.overdue(until + 60_000)).toEqual([])
  await daemon.ended
  expect(world.heard()).toEqual([...greeting, '{"id":"a","decision":"deny"}'])
  expect(daemon.events).toContainEqual({ type: 'notice', message: 'denied, as nobody answered in time: touch a.txt' })
  expect(daemon.rows('withdraw')).toMatchObject([{ body: { requestId: a, expired: true } }])
  daemon.journal[Symbol.dispose]()
})

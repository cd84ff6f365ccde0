// A conversation with a real process: what it asks goes out once, what people answer reaches it once, whenever its daemon dies.

import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Harness, Reduced } from '../../../src/daemon/harness/port.ts'
import { shell } from '../../../src/daemon/harness/shell.ts'
import type { Journal } from '../../../src/daemon/journal/journal.ts'
import { openJournal } from '../../../src/daemon/journal/journal.ts'
import type { OutboxRow } from '../../../src/daemon/journal/outbox-rows.ts'
import type { Following } from '../../../src/daemon/run/agent.ts'
import { followAgent } from '../../../src/daemon/run/agent.ts'
import type { RunDeps } from '../../../src/daemon/run/deps.ts'
import { awaitExit } from '../../../src/daemon/run/ending.ts'
import type { Given } from '../../../src/daemon/run/inbox.ts'
import { Inbox } from '../../../src/daemon/run/inbox.ts'
import { inputSize, placed } from '../../../src/daemon/run/input.ts'
import type { RunHandle } from '../../../src/daemon/supervisor/run.ts'
import { readDeadline } from '../../../src/daemon/supervisor/run-folder.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import type { EventBody } from '../../../src/protocol/events.ts'
import type { Assignment } from '../../../src/protocol/link.ts'
import { RunWorld, text, until } from '../supervisor/run-world.ts'

const agentFile = resolve(import.meta.dirname, '../../fakes/asking-agent.ts')
const attemptId = 'att_talk0001'
const options = [
  { id: 'y', label: 'Allow', grants: 'allow' },
  { id: 'n', label: 'Deny', grants: 'deny' },
] as const

/** Speaks with test/fakes/asking-agent.ts. Its state counts what it read, so that a lost step would show. */
const asking: Harness<number> = {
  ...shell,
  name: 'asking',
  initial: () => 0,
  reduce: (state, line): Reduced<number> => {
    if (line.stream === 'stderr') return { state, events: [{ type: 'text', text: `stderr ${line.text}` }] }
    const said = JSON.parse(line.text) as { type: string; id?: string; command?: string; line?: string } // the fake's
    const next = state + 1
    const event: EventBody = { type: 'text', text: `${next} ${said.type} ${said.id ?? said.line ?? ''}`.trim() }
    if (said.type === 'hello') return { state: next, events: [event], send: ['{"hello":1}'] }
    if (said.type === 'done') return { state: next, events: [event], endInput: true }
    if (said.type !== 'ask') return { state: next, events: [event] }
    const command = said.command ?? ''
    const ask = { key: said.id ?? '', kind: 'permission', title: command, body: { command }, options, command } as const
    return { state: next, events: [event], asks: [ask] }
  },
  answer: (state, { key, optionId, text: words }) => {
    const decision = optionId === 'y' ? 'allow' : 'deny'
    return { state, events: [], send: [JSON.stringify({ id: key, decision, ...(words === null ? {} : { words }) })] }
  },
  message: (state, words) => ({ state, events: [], send: [JSON.stringify({ words })] }),
  unread: () => [],
  cancel: (state) => ({ state, events: [] }),
  finish: () => ({ ok: true, usage: null, costUsd: null, model: null, sessionRef: null, lastText: null }),
}

let world: RunWorld
let handle: RunHandle
let base: number | null
let journalPath: string
beforeEach(() => {
  world = new RunWorld()
  journalPath = join(world.dir, 'journal.sqlite')
})
afterEach(async () => world[Symbol.asyncDispose]())

async function start(script: readonly { id: string; command: string }[], deadlineAt: number | null = null) {
  const argv = [process.execPath, agentFile, JSON.stringify(script)] as const
  handle = await world.start(argv, { stdin: { kind: 'pipe', text: '{"first":1}\n' }, deadlineAt })
  base = inputSize(handle.runDir)
}

/** One start of the daemon. */
class Daemon {
  readonly journal: Journal
  readonly events: EventBody[] = []
  readonly inbox = new Inbox()
  readonly standing: boolean[] = []
  readonly #gone = new AbortController()
  readonly ended: Promise<unknown>

  constructor(
    more: Partial<Pick<Following, 'rules' | 'approvers'>> & {
      readonly secrets?: Record<string, string>
      readonly harness?: Harness<number>
    } = {},
  ) {
    this.journal = openJournal(journalPath, 1).journal
    this.journal.saveRun({ attemptId, taskId: 'task_a', epoch: 1, n: 1, step: 'started', data: null })
    const probe = { env: {}, which: () => null, output: async () => null, read: () => null, list: () => [] }
    const log = { warn: () => {}, info: () => {}, debug: () => {}, error: () => {} }
    const secrets = () => more.secrets ?? {}
    // only what following uses
    const deps = {
      journal: this.journal,
      clock: systemClock,
      env: {},
      secrets,
      probe: () => probe,
      poke: () => {},
      places: { dataDir: world.dir, capstanHome: world.dir, secretDir: null },
      log,
    }
    const task = { id: 'task_a', prompt: 'x', budgets: {}, autonomy: 'ask' }
    const assignment = { attemptId, epoch: 1, n: 1, task, profile: null } as unknown as Assignment // the same
    const { signal } = this.#gone
    this.ended = followAgent(deps as unknown as RunDeps, {
      assignment,
      runDir: handle.runDir,
      harness: (more.harness ?? asking) as Harness, // its state is its own affair
      cwd: world.dir,
      ended: awaitExit(handle.runDir, systemClock, signal),
      signal,
      inbox: this.inbox,
      rules: more.rules ?? [],
      approvers: more.approvers ?? null,
      inputBase: base,
      onUsed: () => {},
      onEvents: (said) => this.events.push(...said),
      onTalk: ({ standing }) => this.standing.push(standing),
    })
    this.ended.catch(() => {}) // killed
  }

  /** As kill -9 leaves it: nothing more is done or written. */
  async die(): Promise<void> {
    this.#gone.abort(new Error('killed'))
    await this.ended.catch(() => {})
    this.journal[Symbol.dispose]()
  }

  rows(kind: OutboxRow['kind']): OutboxRow[] {
    return this.journal.pending(-1).filter((row) => row.kind === kind)
  }

  requests() {
    return this.journal.pending(-1).flatMap((row) => (row.kind === 'request' ? [row.body] : []))
  }

  async asked(count: number): Promise<string[]> {
    await until(() => this.requests().length === count, `${count} requests`)
    return this.requests().map(({ requestId }) => requestId)
  }

  async answer(requestId: string | undefined, optionId: string | null, words: string | null = null): Promise<void> {
    await this.inbox.put(answerOf(requestId, optionId, words))
  }
}

function answerOf(requestId: string | undefined, optionId: string | null, words: string | null = null): Given {
  return { kind: 'answer', requestId: requestId ?? '', optionId, text: words, by: 'user:ann' }
}

/** What reached the agent, as it echoed it. */
function heard(): string[] {
  return text(handle, 'stdout.log')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { type: string; line?: string }) // the fake's
    .flatMap(({ type, line }) => (type === 'got' && line !== undefined ? [line] : []))
}

const two = [
  { id: 'a', command: 'touch a.txt' },
  { id: 'b', command: 'touch b.txt' },
]
const greeting = ['{"first":1}', '{"hello":1}']

test('two asks at once become two requests; each answer reaches the agent once, in the order they were given', async () => {
  await start(two)
  const daemon = new Daemon()
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
  expect(heard()).toEqual([
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
  await start(two)
  const first = new Daemon()
  const ids = await first.asked(2)
  await first.answer(ids[0], 'y')
  await first.die()
  const idle = new Daemon() // it finds an answer that was taken, and nothing after it
  await until(() => idle.standing.length > 0, 'the idle start')
  await idle.die()
  const second = new Daemon()
  expect(JSON.stringify(second.journal.pending(-1))).not.toContain('was lost')
  await second.answer(ids[0], 'y') // sent again: the server did not hear that it was taken
  await second.answer(ids[1], 'y')
  await second.ended
  expect(heard()).toEqual([...greeting, '{"id":"a","decision":"allow"}', '{"id":"b","decision":"allow"}'])
  expect(second.requests().map(({ requestId }) => requestId)).toEqual(ids)
  expect(JSON.stringify(second.events)).not.toContain('was lost')
  const seqs = second.journal.pending(-1).flatMap((row) => (row.kind === 'events' ? row.events : []))
  expect(seqs.map(({ seq }) => seq)).toEqual(seqs.map((_, at) => at + 1))
  second.journal[Symbol.dispose]()
})

test('words that were promised and did not reach the file are appended at the next start, whole or from the middle', async () => {
  await start([])
  const first = new Daemon()
  await until(() => heard().length === 2, 'the greeting')
  await first.die()
  const written = openJournal(journalPath, 1).journal
  const at = inputSize(handle.runDir) ?? 0
  written.transaction(() => written.talk.addInput(attemptId, { at, text: '{"late":1}\n' }))
  written[Symbol.dispose]()
  writeFileSync(join(handle.runDir, 'stdin.log'), '{"la', { flag: 'a' }) // as far as the dying daemon came
  const second = new Daemon()
  await until(() => heard().includes('{"late":1}'), 'the promised words')
  await second.die()
  const third = new Daemon()
  await third.inbox.put({ kind: 'message', seq: 7, text: 'go on', by: 'user:ann' })
  await third.inbox.put({ kind: 'message', seq: 7, text: 'go on', by: 'user:ann' })
  await until(() => heard().length === 4, 'the message')
  await third.die()
  expect(readFileSync(join(handle.runDir, 'stdin.log'), 'utf8').split('\n')).toEqual([
    ...greeting,
    '{"late":1}',
    '{"words":"go on"}',
    '',
  ])
})

test('a journal that was lost doubles nothing: output and answers are gone through again, what the agent has is found', async () => {
  await start([...two, { id: 'c', command: 'touch c.txt' }])
  const first = new Daemon()
  const ids = await first.asked(3)
  await first.answer(ids[0], 'y')
  await first.inbox.put({ kind: 'message', seq: 3, text: 'hurry', by: 'user:ann' })
  await first.answer(ids[1], 'n')
  const before = first.journal.cursor(attemptId).nextSeq
  await first.die()
  for (const end of ['', '-wal', '-shm']) rmSync(journalPath + end, { force: true })
  const second = new Daemon()
  await until(() => second.journal.cursor(attemptId).nextSeq === before, 'the same events')
  expect((await second.asked(3)).toSorted()).toEqual(ids.toSorted())
  await second.answer(ids[1], 'y') // known, although its journal is new
  await second.inbox.put({ kind: 'message', seq: 3, text: 'hurry', by: 'user:ann' })
  await second.answer(ids[2], 'y')
  await second.ended
  expect(heard()).toEqual([
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
  await start(two, deadlineAt)
  const first = new Daemon()
  const ids = await first.asked(2)
  await until(() => readDeadline(handle.runDir) === null, 'a held deadline')
  await first.answer(ids[0], 'y')
  expect(readDeadline(handle.runDir)).toBeNull()
  expect(first.standing.at(-1)).toBe(true)
  await first.die()
  const second = new Daemon()
  await until(() => second.standing.length > 0, 'the second start')
  expect(readDeadline(handle.runDir)).toBeNull()
  await systemClock.sleep(1_100) // whole seconds: the file's unit
  await second.answer(ids[1], 'y')
  expect(readDeadline(handle.runDir)).toBeGreaterThan(deadlineAt)
  expect(readDeadline(handle.runDir)).toBeLessThanOrEqual(deadlineAt + 10_000)
  expect(second.standing.at(-1)).toBe(false)
  await second.ended
  second.journal[Symbol.dispose]()
})

test('a rule answers without a person, and the transcript names it; other commands are asked', async () => {
  await start([
    { id: 'a', command: 'touch a.txt' },
    { id: 'b', command: 'touch b.txt; touch c.txt' },
  ])
  const daemon = new Daemon({ rules: [{ executable: 'touch' }] })
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
  await start([{ id: 'capstan x', command: 'touch own.txt' }, ...flood])
  const daemon = new Daemon()
  await daemon.asked(1_000)
  await until(() => heard().length === 4, 'two denials')
  expect(heard().slice(2)).toEqual(['{"id":"capstan x","decision":"deny"}', '{"id":"f1000","decision":"deny"}'])
  expect(daemon.events.flatMap((event) => (event.type === 'notice' ? [event.message] : []))).toEqual([
    'not put to a person, because its id is one of Capstan’s own: touch own.txt',
    'not put to a person, because 1000 requests of this run were before: true',
  ])
  await daemon.die()
})

test('where the host names its approvers, nobody else grants anything; anybody may deny', async () => {
  await start([...two, { id: 'c', command: 'touch c.txt' }])
  const daemon = new Daemon({ approvers: ['bob'] })
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
  await start([{ id: 'a', command: `echo hunter2hunter2 ${'x'.repeat(100_000)}` }])
  const daemon = new Daemon({ secrets: { DB_PASSWORD: 'hunter2hunter2' } })
  await daemon.asked(1)
  const [request] = daemon.requests()
  expect(request?.title).toMatch(/^echo \[redacted DB_PASSWORD\] x+…$/)
  const body = JSON.stringify(request?.body)
  expect(body).not.toContain('hunter2hunter2')
  expect(Buffer.byteLength(body)).toBeLessThanOrEqual(65_536)
  expect(request?.body.shortened).toMatch(/the log on the host has them all/)
  await daemon.die()
})

const words = (seq: number, said: string): Given => ({ kind: 'message', seq, text: said, by: 'user:ann' })

test('words that come after the last ones of the agent come too late: told once, also when they are sent again', async () => {
  await start([])
  const first = new Daemon()
  await until(() => heard().length === 2, 'the greeting')
  expect(await first.inbox.put(words(8, 'in time'))).toBe(true)
  first.journal.talk.endInput(attemptId)
  expect(await first.inbox.put(words(9, 'one more'))).toBe(false)
  await first.die()
  const second = new Daemon()
  expect(await second.inbox.put(words(9, 'one more'))).toBe(false)
  expect(await second.inbox.put(words(8, 'in time'))).toBe(true)
  const told = [...first.events, ...second.events].flatMap((event) => (event.type === 'notice' ? [event.message] : []))
  expect(told).toEqual(['user:ann: in time', 'came too late for the agent: user:ann: one more'])
  const waiting = second.inbox.put(words(10, 'and more'))
  second.inbox.close()
  expect(await waiting).toBe(false)
  expect(await second.inbox.put(words(11, 'still more'))).toBe(false)
  await second.die()
})

test('words that the adapter refuses came too late, and what it holds unread at the end is given back once', async () => {
  await start([])
  const held: string[] = []
  const daemon = new Daemon({
    harness: {
      ...asking,
      message: (state, said) => {
        if (said === 'no') return { state, events: [], refused: true }
        held.push(said)
        return { state, events: [] }
      },
      unread: () => held,
    },
  })
  await until(() => heard().length === 2, 'the greeting')
  expect(await daemon.inbox.put(words(3, 'no'))).toBe(false)
  for (const [seq, said] of [
    [4, 'twice'],
    [5, 'twice'],
  ] as const)
    expect(await daemon.inbox.put(words(seq, said))).toBe(true)
  process.kill(handle.agentPid, 'SIGKILL')
  await daemon.ended
  const back = daemon.rows('unsaid').flatMap((row) => (row.kind === 'unsaid' ? [row.body.seq] : []))
  expect(back.toSorted()).toEqual([4, 5])
  expect(JSON.stringify(daemon.events)).toContain('not read by the agent: twice')
  daemon.journal[Symbol.dispose]()
})

test('words after which the agent said nothing any more were not read', async () => {
  await start([])
  const daemon = new Daemon()
  await until(() => heard().length === 2, 'the greeting')
  expect(await daemon.inbox.put(words(3, 'heard'))).toBe(true)
  const texts = () => daemon.events.flatMap((event) => (event.type === 'text' ? [event.text] : []))
  await until(() => texts().some((each) => each.includes('{"words":"heard"}')), 'its echo')
  process.kill(handle.agentPid, 'SIGSTOP')
  expect(await daemon.inbox.put(words(4, 'into the void'))).toBe(true)
  process.kill(handle.agentPid, 'SIGKILL')
  await daemon.ended
  expect(daemon.rows('unsaid')).toMatchObject([{ body: { attemptId, epoch: 1, seq: 4 } }])
  daemon.journal[Symbol.dispose]()
})

test('requests that are open when the agent ends are taken back', async () => {
  await start(two)
  const daemon = new Daemon()
  const ids = await daemon.asked(2)
  process.kill(handle.agentPid, 'SIGKILL')
  await daemon.ended
  expect(daemon.rows('withdraw').map((row) => row.kind === 'withdraw' && row.body.requestId)).toEqual(ids)
  daemon.journal[Symbol.dispose]()
})

test('a server that lost what was asked hears it again, and that nobody waits for what was answered meanwhile', async () => {
  await start(two)
  const daemon = new Daemon()
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
  expect(heard()).toEqual([...greeting, '{"id":"a","decision":"allow"}', '{"id":"b","decision":"allow"}'])
  daemon.journal[Symbol.dispose]()
})

test('what nobody answers is denied by the host’s own clock a minute after its time, and the server is told so', async () => {
  await start([{ id: 'a', command: 'touch a.txt' }])
  const daemon = new Daemon()
  const [a] = await daemon.asked(1)
  const until = daemon.journal.talk.until(attemptId, a ?? '') ?? 0
  expect(until - Date.now()).toBeGreaterThan(35_900_000)
  expect(daemon.journal.talk.overdue(until + 59_999)).toEqual([])
  expect(daemon.journal.talk.overdue(until + 60_000)).toEqual([{ attemptId, requestId: a }])
  await daemon.inbox.put({ ...answerOf(a, null), by: 'host' })
  expect(daemon.journal.talk.overdue(until + 60_000)).toEqual([])
  await daemon.ended
  expect(heard()).toEqual([...greeting, '{"id":"a","decision":"deny"}'])
  expect(daemon.events).toContainEqual({ type: 'notice', message: 'denied, as nobody answered in time: touch a.txt' })
  expect(daemon.rows('withdraw')).toMatchObject([{ body: { requestId: a, expired: true } }])
  daemon.journal[Symbol.dispose]()
})

test('promised text is appended, completed, recognised, found elsewhere, or put behind what it does not fit', () => {
  const at = (file: string, input: { at: number; text: string }) => {
    const { missing, end } = placed(Buffer.from(file), input)
    return [missing.toString(), end]
  }
  expect(at('one\n', { at: 4, text: 'two\n' })).toEqual(['two\n', 8])
  expect(at('one\ntw', { at: 4, text: 'two\n' })).toEqual(['o\n', 8])
  expect(at('one\ntwo\n', { at: 4, text: 'two\n' })).toEqual(['', 8])
  expect(at('one\nXX\ntwo\n', { at: 4, text: 'two\n' })).toEqual(['', 11])
  expect(at('one\nXX\n', { at: 4, text: 'two\n' })).toEqual(['two\n', 11])
  expect(at('on', { at: 4, text: 'two\n' })).toEqual(['\n\ntwo\n', 8])
})

test('a file of input that was cut is filled, so that the agent gets what comes after', async () => {
  await start([])
  const daemon = new Daemon()
  await until(() => heard().length === 2, 'the greeting')
  truncateSync(join(handle.runDir, 'stdin.log'), 5)
  await daemon.inbox.put({ kind: 'message', seq: 1, text: 'still there?', by: 'user:ann' })
  await until(() => heard().length === 3, 'the message')
  expect(heard().at(-1)).toBe('{"words":"still there?"}')
  await daemon.die()
})

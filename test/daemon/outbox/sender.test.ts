// Delivering the outbox to a server that goes away, forgets, refuses and takes attempts away.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { Problem, type ProblemCode } from '../../../src/core/problem.ts'
import { type Journal, openJournal } from '../../../src/daemon/journal/journal.ts'
import type { OutboxKind } from '../../../src/daemon/journal/outbox-rows.ts'
import { type Sender, sendOutbox } from '../../../src/daemon/outbox/sender.ts'
import { silentLog } from '../../../src/lib/log.ts'
import type { FromDaemonBody } from '../../../src/protocol/link.ts'
import { HandClock } from '../../fakes/clock.ts'
import { until } from '../supervisor/run-world.ts'

const now = 1_760_000_000_000

/** A server that keeps what it is given, event by event, and fails on demand. */
class FakeServer {
  readonly seqs = new Map<string, number[]>()
  readonly messages: { kind: OutboxKind; attemptId: string; size: number }[] = []
  up = true
  /** Events in the largest message. */
  most = 0
  /** Asked before each message; what it returns is thrown. */
  failure: (kind: OutboxKind, body: FromDaemonBody<OutboxKind>) => Error | null = () => null
  /** The server forgets all beyond this, once. */
  forgetFrom: number | null = null
  gate: Promise<void> = Promise.resolve()

  async send(kind: OutboxKind, body: FromDaemonBody<OutboxKind>): Promise<never> {
    await this.gate
    if (!this.up) throw new Problem('not_connected', 'the link is down')
    const failure = this.failure(kind, body)
    if (failure !== null) throw failure
    this.messages.push({ kind, attemptId: body.attemptId, size: JSON.stringify(body).length })
    if ('events' in body) this.most = Math.max(this.most, body.events.length)
    if (!('events' in body) || kind !== 'events') return {} as never // the sender reads no reply but that of events
    const kept = this.seqs.get(body.attemptId) ?? []
    this.seqs.set(body.attemptId, kept)
    for (const { seq } of body.events) {
      if (this.forgetFrom !== null && seq >= this.forgetFrom) break
      if (seq === kept.length + 1) kept.push(seq)
    }
    this.forgetFrom = null
    return { next: kept.length + 1 } as never // the reply of events
  }
}

let journal: Journal
let server: FakeServer
let clock: HandClock
let abort: AbortController
let lost: string[]
let acknowledged: string[]
let notAsked: string[]
beforeEach(() => {
  journal = openJournal(':memory:', now).journal
  server = new FakeServer()
  clock = new HandClock(now)
  abort = new AbortController()
  lost = []
  acknowledged = []
  notAsked = []
})
afterEach(() => {
  abort.abort()
  journal[Symbol.dispose]()
})

const start = (more: { batchSize?: () => number } = {}): Sender =>
  sendOutbox({
    ...more,
    journal,
    send: (kind, body) => server.send(kind, body as FromDaemonBody<OutboxKind>), // one of the union's bodies
    onLost: (attemptId, detail) => lost.push(`${attemptId}: ${detail}`),
    onNotAsked: (attemptId, requestId) => notAsked.push(`${attemptId} ${requestId}`),
    onAcknowledged: (attemptId, kind) => acknowledged.push(`${attemptId} ${kind}`),
    clock,
    log: silentLog,
    signal: abort.signal,
  })

function run(attemptId: string, events: number): void {
  journal.saveRun({ attemptId, taskId: 'task_a', epoch: 2, n: 1, step: 'started', data: null })
  for (let i = 0; i < events; i += 1) journal.appendEvents(attemptId, [{ type: 'text', text: `line ${i}` }], now)
}

function report(attemptId: string): void {
  const ending = {
    at: now,
    exitCode: 0,
    signal: null,
    usage: null,
    costUsd: null,
    evidence: null,
    withheld: [],
    sessionRef: null,
  }
  journal.enqueue(attemptId, 'result', { attemptId, epoch: 2, ...ending }, now)
}

const counted = (n: number) => Array.from({ length: n }, (_, i) => i + 1)
const refusal = (code: ProblemCode) => new Problem(code, 'as told')

test('events come in order and coalesced, the report last, and the outbox is empty', async () => {
  run('att_a', 120)
  report('att_a')
  await start().settled()
  expect(server.seqs.get('att_a')).toEqual(counted(120))
  expect(server.messages.at(-1)?.kind).toBe('result')
  expect(server.messages.length).toBeLessThanOrEqual(120 / 16 + 2)
  expect([journal.outbox.depth(), acknowledged]).toEqual([0, ['att_a result']])
})

test('no message holds more events than the run’s profile says, however many were committed together', async () => {
  run('att_a', 5)
  const together = counted(30).map((n) => ({ type: 'text' as const, text: `more ${n}` }))
  journal.appendEvents('att_a', together, now)
  await start({ batchSize: () => 7 }).settled()
  expect(server.seqs.get('att_a')).toEqual(counted(35))
  expect(server.most).toBe(7)
  expect(journal.outbox.depth()).toBe(0)
})

test('a request that the server never takes is told as not asked: its agent must not wait for ever', async () => {
  run('att_a', 1)
  const asked = { requestId: 'req_1', kind: 'question', title: 'x', body: {}, options: [], openForMs: 1_000 } as const
  journal.enqueue('att_a', 'request', { attemptId: 'att_a', epoch: 2, ...asked, options: [] }, now)
  server.failure = (kind) => (kind === 'request' ? refusal('invalid_request') : null)
  await start().settled()
  expect([notAsked, journal.outbox.depth()]).toEqual([['att_a req_1'], 0])
})

test('messages stay below the frame’s limit', async () => {
  run('att_a', 0)
  for (let i = 0; i < 30; i += 1) journal.appendEvents('att_a', [{ type: 'text', text: 'x'.repeat(120_000) }], now)
  await start().settled()
  expect(server.seqs.get('att_a')).toEqual(counted(30))
  expect(Math.max(...server.messages.map((each) => each.size))).toBeLessThanOrEqual(1_048_576)
})

test('what was written while the link was down is sent after reconnect, by the next daemon too', async () => {
  server.up = false
  run('att_a', 10)
  const first = start()
  report('att_a')
  first.poke()
  await first.settled()
  expect([server.messages.length, journal.outbox.depth()]).toEqual([0, 11])
  abort.abort()
  abort = new AbortController()
  server.up = true
  const second = start()
  await second.settled()
  expect([server.seqs.get('att_a'), acknowledged]).toEqual([counted(10), ['att_a result']])
})

test('a reply that expects less is answered from there, without a hole and without doubling', async () => {
  run('att_a', 100)
  server.forgetFrom = 8
  await start().settled()
  expect(server.seqs.get('att_a')).toEqual(counted(100))
})

test('a reply that was lost is no doubled event', async () => {
  run('att_a', 30)
  const { promise, resolve } = Promise.withResolvers<void>()
  server.gate = promise
  const sender = start()
  abort.abort() // the daemon dies with the message on its way
  resolve()
  await sender.settled()
  expect(journal.outbox.depth()).toBe(30)
  abort = new AbortController()
  await start().settled()
  expect([server.seqs.get('att_a'), journal.outbox.depth()]).toEqual([counted(30), 0])
})

test('one attempt that the server is slow with does not delay the others', async () => {
  run('att_a', 5)
  run('att_b', 5)
  const stuck = Promise.withResolvers<void>()
  const sender = sendOutbox({
    journal,
    send: async (kind, body) => {
      if (body.attemptId === 'att_a') await stuck.promise
      return await server.send(kind, body as FromDaemonBody<OutboxKind>) // one of the union's bodies
    },
    onLost: () => {},
    onNotAsked: () => {},
    onAcknowledged: () => {},
    clock,
    log: silentLog,
    signal: abort.signal,
  })
  await until(() => server.seqs.get('att_b')?.length === 5, 'the other attempt')
  expect(server.seqs.get('att_a')).toBeUndefined()
  stuck.resolve()
  await sender.settled()
  expect(server.seqs.get('att_a')).toEqual(counted(5))
})

test('an attempt that was lost sends the rest as salvage and stops the run', async () => {
  run('att_a', 60)
  report('att_a')
  server.failure = (kind) => (kind === 'salvage' ? null : refusal('lease_lost'))
  const sender = start()
  await sender.settled()
  expect(lost).toEqual(['att_a: as told'])
  expect(new Set(server.messages.map((each) => each.kind))).toEqual(new Set(['salvage']))
  journal.appendEvents('att_a', [{ type: 'text', text: 'late' }], now)
  sender.poke()
  await sender.settled()
  expect([lost.length, journal.outbox.depth()]).toEqual([2, 0])
})

test('a report that the server never takes is kept aside and does not hold up the next', async () => {
  run('att_a', 1)
  const { length } = journal.pending(10)
  server.failure = (kind) => (kind === 'events' ? refusal('invalid_request') : null)
  report('att_a')
  await start().settled()
  expect([length, acknowledged, journal.outbox.depth()]).toEqual([1, ['att_a result'], 0])
})

test('a server in trouble is asked again after a while, with everything in order', async () => {
  run('att_a', 3)
  report('att_a')
  let failures = 4
  server.failure = () => (failures-- > 0 ? refusal('internal') : null)
  const sender = start()
  await until(() => {
    clock.advance(30_000)
    return acknowledged.length === 1
  }, 'the report to arrive')
  await sender.settled()
  expect(server.seqs.get('att_a')).toEqual(counted(3))
})

test('a server that misses events we no longer have still gets the report', async () => {
  run('att_a', 2)
  await start().settled()
  server.seqs.set('att_a', [])
  journal.appendEvents('att_a', [{ type: 'text', text: 'more' }], now)
  report('att_a')
  abort.abort()
  abort = new AbortController()
  start()
  await until(() => {
    clock.advance(30_000)
    return acknowledged.length === 1
  }, 'the report to arrive')
  expect(journal.outbox.depth()).toBe(0)
})

test('a poke while a lane is ending is not lost', async () => {
  const sender = start()
  for (let i = 0; i < 300; i += 1) {
    if (i === 0) run('att_a', 0)
    journal.appendEvents('att_a', [{ type: 'text', text: String(i) }], now)
    sender.poke()
    for (let ticks = i % 7; ticks > 0; ticks -= 1) await Promise.resolve()
  }
  await sender.settled()
  expect(server.seqs.get('att_a')).toEqual(counted(300))
})

test('a last report that the server refuses for good becomes a small failure that says so', async () => {
  run('att_a', 1)
  report('att_a')
  const bodies: unknown[] = []
  server.failure = (kind, body) => {
    if (kind === 'fail') bodies.push(body)
    return kind === 'result' ? refusal('invalid_request') : null
  }
  await start().settled()
  expect(bodies).toMatchObject([
    { reason: 'workspace_failed', detail: 'the server refused the report: invalid_request: as told', evidence: null },
  ])
  expect([acknowledged, journal.outbox.attempts()]).toEqual([['att_a fail'], []])
})

test('a failure that is refused as well is not said a third time', async () => {
  run('att_a', 0)
  report('att_a')
  let asked = 0
  server.failure = () => {
    asked += 1
    return refusal('invalid_request')
  }
  await start().settled()
  expect([asked, journal.outbox.attempts()]).toEqual([2, []])
})

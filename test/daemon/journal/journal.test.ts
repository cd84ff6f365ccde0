// The daemon's durable memory, on real files.

import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Journal, type JournalRun, openJournal } from '../../../src/daemon/journal/journal.ts'
import type { EventBody } from '../../../src/protocol/events.ts'

const now = 1_760_000_000_000
const run: JournalRun = { attemptId: 'att_a', taskId: 'task_a', epoch: 3, n: 1, step: 'claimed', data: { x: 1 } }
const say = (text: string): EventBody => ({ type: 'text', text })
const zero = { stdout: 0, stderr: 0 }

let dir: string
let path: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'capstan-journal-'))
  path = join(dir, 'journal.db')
})
afterEach(() => rmSync(dir, { recursive: true }))

const open = (): Journal => openJournal(path, now).journal

const eventsOf = (journal: Journal) =>
  journal.pending(1_000).flatMap((row) => (row.kind === 'events' ? row.events : []))

test('runs are kept with their step and data, and forgotten when told', () => {
  {
    using journal = open()
    journal.saveRun(run)
    journal.saveRun({ ...run, attemptId: 'att_b', data: null })
    journal.setStep('att_a', 'started')
    journal.setStep('att_b', 'started', { pid: 7 })
  }
  using journal = open()
  expect(journal.runs()).toEqual([
    { ...run, step: 'started' },
    { ...run, attemptId: 'att_b', step: 'started', data: { pid: 7 } },
  ])
  journal.forgetRun('att_a')
  expect(journal.runs().map((each) => each.attemptId)).toEqual(['att_b'])
  expect(() => journal.setStep('att_a', 'x')).toThrow('knows no run of att_a')
  expect(() => journal.cursor('att_a')).toThrow('knows no run of att_a')
})

test('saving a run again keeps its cursor', () => {
  using journal = open()
  journal.saveRun(run)
  journal.commitLines({
    attemptId: 'att_a',
    offsets: { stdout: 9, stderr: 2 },
    parserState: 1,
    events: [say('a')],
    at: now,
  })
  journal.saveRun({ ...run, step: 'started' })
  expect(journal.cursor('att_a')).toEqual({ offsets: { stdout: 9, stderr: 2 }, parserState: 1, nextSeq: 2 })
})

test('offsets, parser state and events are committed together and survive', () => {
  {
    using journal = open()
    journal.saveRun(run)
    expect(journal.cursor('att_a')).toEqual({ offsets: zero, parserState: undefined, nextSeq: 1 })
    const offsets = { stdout: 120, stderr: 7 }
    journal.commitLines({
      attemptId: 'att_a',
      offsets,
      parserState: { turn: 2 },
      events: [say('a'), say('b')],
      at: now,
    })
  }
  using journal = open()
  expect(journal.cursor('att_a')).toEqual({ offsets: { stdout: 120, stderr: 7 }, parserState: { turn: 2 }, nextSeq: 3 })
  expect(eventsOf(journal)).toEqual([
    { type: 'text', text: 'a', seq: 1, at: now },
    { type: 'text', text: 'b', seq: 2, at: now },
  ])
})

test('a commit that fails changes nothing', () => {
  using journal = open()
  journal.saveRun(run)
  const circular: Record<string, unknown> = {}
  circular.self = circular
  const commit = {
    attemptId: 'att_a',
    offsets: { stdout: 5, stderr: 0 },
    parserState: circular,
    events: [say('a')],
    at: now,
  }
  expect(() => journal.commitLines(commit)).toThrow()
  expect(journal.cursor('att_a')).toEqual({ offsets: zero, parserState: undefined, nextSeq: 1 })
  expect(journal.pending(10)).toEqual([])
})

test('events of the agent and of the daemon share one count without a hole', () => {
  using journal = open()
  journal.saveRun(run)
  journal.appendEvents('att_a', [{ type: 'notice', message: 'hello' }], now)
  journal.commitLines({ attemptId: 'att_a', offsets: zero, parserState: null, events: [say('a')], at: now })
  journal.appendEvents('att_a', [], now)
  const last = journal.appendEvents('att_a', [{ type: 'notice', message: 'bye' }], now)
  expect(last.map((event) => event.seq)).toEqual([3])
  expect(eventsOf(journal).map((event) => event.seq)).toEqual([1, 2, 3])
})

test('reports leave behind the events before them, in order', () => {
  using journal = open()
  journal.saveRun(run)
  journal.appendEvents('att_a', [say('a')], now)
  const { attemptId, epoch } = run
  journal.enqueue(
    attemptId,
    'salvage',
    { attemptId, epoch, kind: 'checkpoint', detail: 'd', evidence: null, events: [] },
    now,
  )
  journal.appendEvents('att_a', [say('b')], now)
  expect(journal.pending(10).map((row) => row.kind)).toEqual(['events', 'salvage', 'events'])
  const [first] = journal.pending(1)
  journal.acknowledge(first?.id ?? 0)
  expect(journal.pending(10).map((row) => row.kind)).toEqual(['salvage', 'events'])
  journal.forgetRun('att_a')
  expect(journal.outbox.depth()).toBe(2)
})

test('a transaction over several calls is kept whole or not at all', () => {
  using journal = open()
  journal.saveRun(run)
  expect(() =>
    journal.transaction(() => {
      journal.appendEvents('att_a', [say('a')], now)
      journal.setStep('att_a', 'reported')
      throw new Error('power')
    }),
  ).toThrow('power')
  expect([journal.runs()[0]?.step, journal.pending(10)]).toEqual(['claimed', []])
})

test('many events in one commit are packed into rows that the link takes', () => {
  using journal = open()
  journal.saveRun(run)
  const events = [
    ...Array.from({ length: 120 }, (_, i) => say(String(i))),
    ...Array.from({ length: 20 }, () => say('ü'.repeat(60_000))),
  ]
  journal.commitLines({ attemptId: 'att_a', offsets: zero, parserState: null, events, at: now })
  const rows = journal.pending(100)
  for (const row of rows) {
    expect(row.kind === 'events' && row.events.length <= 50 && row.bytes <= 921_600).toBe(true)
  }
  expect(eventsOf(journal).map((event) => event.seq)).toEqual(Array.from({ length: 140 }, (_, i) => i + 1))
})

test('an event too large for a frame keeps its beginning and says so', () => {
  using journal = open()
  journal.saveRun(run)
  const bodies: EventBody[] = [
    { type: 'raw', stream: 'stderr', line: 'x'.repeat(3_000_000) },
    { type: 'tool_start', id: 't', name: 'n', input: { deep: 'y'.repeat(3_000_000) }, title: 't' },
    say('z'.repeat(3_000_000)),
  ]
  const events = journal.appendEvents('att_a', bodies, now)
  expect(events.map((event) => event.type)).toEqual(['raw', 'raw', 'text'])
  expect(events.every((event) => JSON.stringify(event).length < 100_000)).toBe(true)
  expect(JSON.stringify(events)).toContain('cut: 3000000 characters')
})

test('the journal is the owner’s alone', () => {
  using _journal = open()
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('a journal of a newer version is refused, not set aside', () => {
  open()[Symbol.dispose]()
  const db = new DatabaseSync(path)
  db.exec('PRAGMA user_version = 99')
  db.close()
  expect(() => open()).toThrow('is of a newer Capstan (version 99)')
  expect(readdirSync(dir).some((name) => name.includes('damaged'))).toBe(false)
})

test('a file that is no database is set aside, kept, and a new journal begun', () => {
  writeFileSync(path, 'this is not a database, it is a poem of some length\n'.repeat(100))
  const { journal, quarantined } = openJournal(path, now)
  using _ = journal
  expect(journal.runs()).toEqual([])
  expect(quarantined?.path).toBe(`${path}.damaged-2025-10-09T08-53-20-000Z`)
  expect(readFileSync(quarantined?.path ?? '', 'utf8')).toContain('a poem')
})

test('a journal cut or overwritten at random bytes opens: with a truth it once held, or set aside', () => {
  {
    using journal = open()
    journal.saveRun(run)
    for (let i = 1; i <= 40; i += 1) {
      const events = [say(`line ${i} ${'.'.repeat(400)}`)]
      journal.commitLines({ attemptId: 'att_a', offsets: { stdout: i, stderr: 0 }, parserState: i, events, at: now })
    }
    for (const part of ['', '-wal']) copyFileSync(path + part, join(dir, `kept${part}`))
  }
  copyFileSync(path, join(dir, 'closed')) // closing moved the log into the file
  let seed = 7
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed % below
  }
  let [whole, aside] = [0, 0]
  for (let round = 0; round < 60; round += 1) {
    const folder = mkdtempSync(join(dir, 'round-'))
    const copy = join(folder, 'journal.db')
    const closed = round % 4 === 3
    if (closed) copyFileSync(join(dir, 'closed'), copy)
    else for (const part of ['', '-wal']) copyFileSync(join(dir, `kept${part}`), copy + part)
    const victim = !closed && round % 2 === 0 ? `${copy}-wal` : copy
    const bytes = readFileSync(victim)
    if (round % 3 === 0) bytes.fill(round, random(bytes.length))
    writeFileSync(victim, round % 3 === 0 ? bytes : bytes.subarray(0, random(bytes.length)))
    const { journal, quarantined } = openJournal(copy, now)
    using opened = journal
    if (quarantined !== null) {
      aside += 1
      expect([existsSync(quarantined.path), opened.runs()]).toEqual([true, []])
      continue
    }
    whole += 1
    if (opened.runs().length === 0) continue // cut before the first commit
    const { offsets, parserState, nextSeq } = opened.cursor('att_a')
    expect([parserState ?? 0, nextSeq - 1]).toEqual([offsets.stdout, offsets.stdout])
    expect(eventsOf(opened)).toHaveLength(offsets.stdout)
  }
  console.log(`journal damaged 60 times: ${whole} opened with a committed truth, ${aside} set aside`)
  expect([whole > 0, aside > 0]).toEqual([true, true])
})

test('events acknowledged in the middle of a row are cut from it', () => {
  using journal = open()
  journal.saveRun(run)
  journal.appendEvents('att_a', [say('1'), say('2'), say('3')], now)
  journal.appendEvents('att_a', [say('4')], now)
  journal.outbox.acknowledgeEvents('att_a', 3)
  expect(eventsOf(journal).map((event) => event.seq)).toEqual([3, 4])
  journal.outbox.acknowledgeEvents('att_a', 5)
  expect(journal.outbox.depth()).toBe(0)
})

test('what an attempt had to say becomes salvage when it is lost; questions are dropped', () => {
  using journal = open()
  journal.saveRun(run)
  const { attemptId, epoch } = run
  journal.appendEvents(attemptId, [say('1'), say('2')], now)
  journal.enqueue(
    attemptId,
    'request',
    { attemptId, epoch, requestId: 'r', kind: 'question', title: 't', body: {}, options: [], openForMs: 1_000 },
    now,
  )
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
  journal.enqueue(attemptId, 'result', { attemptId, epoch, ...ending }, now)
  journal.outbox.turnIntoSalvage(attemptId, 'claimed by another', now)
  const bodies = journal
    .pending(10)
    .map((row) => (row.kind === 'salvage' ? [row.body.kind, row.body.events.length, row.body.detail] : row.kind))
  expect(bodies).toEqual([
    ['events', 2, 'claimed by another'],
    ['result', 0, 'result: claimed by another'],
  ])
})

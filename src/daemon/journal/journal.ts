// The daemon's durable memory: which runs it has and how far each is, what of their output was turned into events, and what the server
// has not acknowledged. Synchronous and small: each call is one transaction that is synced when it returns.

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { EventBody, NumberedEvent } from '../../protocol/events.ts'
import type { FromDaemonBody } from '../../protocol/link.ts'
import { Calls } from './calls.ts'
import { numberEvents, packEvents } from './events.ts'
import type { Offsets } from './follow.ts'
import { Outbox, type OutboxRow, type ReportKind } from './outbox-rows.ts'
import { openFile } from './schema.ts'
import { Talk } from './talk.ts'

/** A run as the daemon needs it to go on after a crash. `data` is the daemon's own, any JSON. */
export interface JournalRun {
  readonly attemptId: string
  readonly taskId: string
  readonly epoch: number
  readonly n: number
  readonly step: string
  readonly data: unknown
}

export interface Cursor {
  readonly offsets: Offsets
  /** As committed last; undefined before the first commit. */
  readonly parserState: unknown
  readonly nextSeq: number
}

export interface LinesCommit {
  readonly attemptId: string
  /** Where reading goes on: ends of lines only. */
  readonly offsets: Offsets
  /** The reducer's state after these lines, plain JSON. */
  readonly parserState: unknown
  readonly events: readonly EventBody[]
  /** ms since the epoch; every event of the batch gets it. */
  readonly at: number
}

export interface OpenedJournal {
  readonly journal: Journal
  /** Set when the file was damaged and set aside; to be logged, and the runs found again by their folders. */
  readonly quarantined: { readonly path: string; readonly why: string } | null
}

/**
 * Opens `path`, making it the first time. A damaged file is renamed aside and a new one begun. Throws `configuration` when the file is of a
 * newer version.
 */
export function openJournal(path: string, now: number): OpenedJournal {
  const { db, quarantined } = openFile(path, now)
  return { journal: new Journal(db), quarantined }
}

interface CursorRow {
  readonly stdout: number
  readonly stderr: number
  readonly parser_state: string
  readonly next_seq: number
}

export class Journal implements Disposable {
  /** What waits for the server. */
  readonly outbox: Outbox
  /** What was said to agents and asked by them. */
  readonly talk: Talk
  /** What calls of agents came to. */
  readonly calls: Calls
  readonly #db: DatabaseSync
  readonly #statements: ReturnType<typeof prepare>
  #inside = false

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#statements = prepare(db)
    this.outbox = new Outbox(db, (work) => this.transaction(work))
    this.talk = new Talk(db)
    this.calls = new Calls(db)
  }

  /** Runs `work` as one transaction: all of its calls on this journal are kept, or none. Inside another it is part of that. */
  transaction<T>(work: () => T): T {
    if (this.#inside) return work()
    this.#db.exec('BEGIN IMMEDIATE')
    this.#inside = true
    try {
      const result = work()
      this.#db.exec('COMMIT')
      return result
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    } finally {
      this.#inside = false
    }
  }

  /** Keeps a run, new or known; a new one starts at offset 0 and seq 1. */
  saveRun(run: JournalRun): void {
    this.transaction(() => {
      const { attemptId, taskId, epoch, n, step, data } = run
      this.#statements.saveRun.run(attemptId, taskId, epoch, n, step, JSON.stringify(data ?? null))
      this.#statements.addCursor.run(attemptId)
    })
  }

  /** Moves a run to a step; with `data` that is replaced too. Throws when the journal does not know the run. */
  setStep(attemptId: string, step: string, data?: unknown): void {
    const { setStep, setStepAndData } = this.#statements
    const done =
      data === undefined ? setStep.run(step, attemptId) : setStepAndData.run(step, JSON.stringify(data), attemptId)
    if (done.changes === 0) throw unknownRun(attemptId)
  }

  /**
   * Keeps a run that the journal had lost, or knew only as it was long ago: its output is read again from the start, and the first event of
   * it gets `nextSeq`. The daemon's own words before that are gone; their numbers are filled, because the server takes no hole.
   */
  recoverRun(run: JournalRun, nextSeq: number, at: number): void {
    this.transaction(() => {
      this.forgetRun(run.attemptId)
      this.outbox.drop(run.attemptId)
      this.saveRun(run)
      const lost = { type: 'notice' as const, message: 'what the daemon said here was lost with its journal' }
      this.appendEvents(run.attemptId, Array<EventBody>(nextSeq - 1).fill(lost), at)
    })
  }

  /** All runs that were saved and not forgotten, oldest first. A row that damage made unreadable is left out. */
  runs(): readonly JournalRun[] {
    // The columns are those of the select, in a STRICT table.
    const rows = this.#statements.runs.all() as unknown as readonly (Omit<JournalRun, 'data'> & { data: string })[]
    return rows.flatMap((row) => {
      const data = parsed(row.data)
      return data === undefined ? [] : [{ ...row, data }]
    })
  }

  /** Forgets a run and how far it was read. What is left of it in the outbox is still delivered. */
  forgetRun(attemptId: string): void {
    this.transaction(() => {
      this.#statements.forgetRun.run(attemptId)
      this.#statements.forgetCursor.run(attemptId)
      this.talk.forget(attemptId)
      this.calls.forget(attemptId)
    })
  }

  /** How far the run was read. Throws when the journal does not know the run. */
  cursor(attemptId: string): Cursor {
    const row = this.#cursorRow(attemptId)
    const parserState: unknown = row.parser_state === '' ? undefined : JSON.parse(row.parser_state)
    return { offsets: { stdout: row.stdout, stderr: row.stderr }, parserState, nextSeq: row.next_seq }
  }

  /** One transaction: offsets, parser state and the events that came of the lines between. Returns the events with their numbers. */
  commitLines(commit: LinesCommit): readonly NumberedEvent[] {
    return this.transaction(() => {
      const { attemptId, offsets, parserState } = commit
      const events = this.#append(attemptId, commit.events, commit.at)
      this.#statements.advance.run(offsets.stdout, offsets.stderr, JSON.stringify(parserState ?? null), attemptId)
      return events
    })
  }

  /** The daemon's own events, numbered by the same counter. */
  appendEvents(attemptId: string, bodies: readonly EventBody[], at: number): readonly NumberedEvent[] {
    return this.transaction(() => this.#append(attemptId, bodies, at))
  }

  /** Puts a report behind everything the attempt has in the outbox. `body` is the message as it travels. */
  enqueue<K extends ReportKind>(attemptId: string, kind: K, body: FromDaemonBody<K>, at: number): void {
    this.outbox.add(attemptId, kind, body, at)
  }

  /** The oldest rows the server has not acknowledged. */
  pending(limit: number): readonly OutboxRow[] {
    return this.outbox.pending(limit)
  }

  acknowledge(id: number): void {
    this.outbox.acknowledge(id)
  }

  [Symbol.dispose](): void {
    this.#db.close()
  }

  #append(attemptId: string, bodies: readonly EventBody[], at: number): readonly NumberedEvent[] {
    const firstSeq = this.#cursorRow(attemptId).next_seq
    const events = numberEvents(bodies, firstSeq, at)
    if (events.length === 0) return events
    const epoch = Number(this.#statements.epochOf.get(attemptId)?.epoch)
    for (const row of packEvents(events)) this.outbox.addEvents(attemptId, epoch, row, at)
    this.#statements.setNextSeq.run(firstSeq + events.length, attemptId)
    return events
  }

  #cursorRow(attemptId: string): CursorRow {
    // The columns are those of the select, in a STRICT table.
    const row = this.#statements.cursor.get(attemptId) as CursorRow | undefined
    if (row === undefined) throw unknownRun(attemptId)
    return row
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function unknownRun(attemptId: string): Error {
  return new Error(`the journal knows no run of ${attemptId}: it was never saved, or was forgotten`)
}

function prepare(db: DatabaseSync) {
  const sql = (text: string): StatementSync => db.prepare(text)
  return {
    saveRun: sql(`INSERT INTO runs (attempt_id, task_id, epoch, n, step, data) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (attempt_id) DO UPDATE SET epoch = excluded.epoch, step = excluded.step, data = excluded.data`),
    addCursor: sql(`INSERT INTO cursors (attempt_id, stdout, stderr, parser_state, next_seq) VALUES (?, 0, 0, '', 1)
      ON CONFLICT DO NOTHING`),
    setStep: sql('UPDATE runs SET step = ? WHERE attempt_id = ?'),
    setStepAndData: sql('UPDATE runs SET step = ?, data = ? WHERE attempt_id = ?'),
    runs: sql('SELECT attempt_id AS attemptId, task_id AS taskId, epoch, n, step, data FROM runs ORDER BY rowid'),
    epochOf: sql('SELECT epoch FROM runs WHERE attempt_id = ?'),
    forgetRun: sql('DELETE FROM runs WHERE attempt_id = ?'),
    forgetCursor: sql('DELETE FROM cursors WHERE attempt_id = ?'),
    cursor: sql('SELECT stdout, stderr, parser_state, next_seq FROM cursors WHERE attempt_id = ?'),
    advance: sql('UPDATE cursors SET stdout = ?, stderr = ?, parser_state = ? WHERE attempt_id = ?'),
    setNextSeq: sql('UPDATE cursors SET next_seq = ? WHERE attempt_id = ?'),
  }
}

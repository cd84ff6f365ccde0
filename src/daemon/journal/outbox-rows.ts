// What waits in the journal for the server: rows in order of birth, kept until acknowledged, without age limit.

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { NumberedEvent } from '../../protocol/events.ts'
import type { FromDaemonBody } from '../../protocol/link.ts'
import type { PackedEvents } from './events.ts'

/** What the daemon reports by the outbox. Registration, heartbeat and claim are of the moment and never kept. */
export type OutboxKind = 'events' | 'result' | 'fail' | 'abort' | 'request' | 'withdraw' | 'unsaid' | 'salvage'
export type ReportKind = Exclude<OutboxKind, 'events'>

/** A row as the sender takes it. `body` is the message as it travels; of `events` it is the numbered events alone. */
export type OutboxRow =
  | (RowFacts & { readonly kind: 'events'; readonly events: readonly NumberedEvent[]; readonly bytes: number })
  | { [K in ReportKind]: RowFacts & { readonly kind: K; readonly body: FromDaemonBody<K> } }[ReportKind]

interface RowFacts {
  readonly id: number
  readonly attemptId: string
  readonly epoch: number
  readonly createdAt: number
}

interface StoredRow extends RowFacts {
  readonly kind: OutboxKind
  readonly body: string
}

const columns = 'id, attempt_id AS attemptId, epoch, kind, body, created_at AS createdAt'

export class Outbox {
  readonly #transaction: (work: () => void) => void
  readonly #statements: ReturnType<typeof prepare>

  constructor(db: DatabaseSync, transaction: (work: () => void) => void) {
    this.#statements = prepare(db)
    this.#transaction = transaction
  }

  /** For the journal's own commits. */
  addEvents(attemptId: string, epoch: number, events: PackedEvents, at: number): void {
    this.#statements.add.run(attemptId, epoch, 'events', events.json, events.firstSeq, events.lastSeq, at)
  }

  add<K extends ReportKind>(attemptId: string, kind: K, body: FromDaemonBody<K>, at: number): void {
    this.#statements.add.run(attemptId, body.epoch, kind, JSON.stringify(body), null, null, at)
  }

  /** The oldest rows, of one attempt or of all. */
  pending(limit: number, attemptId?: string): readonly OutboxRow[] {
    const { pending, pendingOf } = this.#statements
    const rows = attemptId === undefined ? pending.all(limit) : pendingOf.all(attemptId, limit)
    return (rows as unknown as readonly StoredRow[]).map(parseRow) // the columns of the select, in a STRICT table
  }

  /** Attempts that have rows to send. */
  attempts(): readonly string[] {
    return this.#statements.attempts.all().map((row) => String(row.attemptId))
  }

  /** How many rows wait: for metrics. */
  depth(): number {
    return Number(this.#statements.depth.get()?.depth)
  }

  /** The server has it: the row is deleted. */
  acknowledge(id: number): void {
    this.#statements.remove.run(id)
  }

  /** Forgets what waits of an attempt: it is about to be said anew. */
  drop(attemptId: string): void {
    this.#statements.drop.run(attemptId)
  }

  /** The server has all events before `next`: rows below are deleted, a row across is cut. */
  acknowledgeEvents(attemptId: string, next: number): void {
    this.#transaction(() => {
      this.#statements.removeEvents.run(attemptId, next)
      const row = this.#statements.across.get(attemptId, next)
      if (row === undefined) return
      const events: readonly NumberedEvent[] = JSON.parse(String(row.body))
      const left = events.filter((event) => event.seq >= next)
      this.#statements.cut.run(JSON.stringify(left), next, Number(row.id))
    })
  }

  /** The server will never take this row: it is kept, but not sent again. */
  refuse(id: number, why: string): void {
    this.#statements.refuse.run(why, id)
  }

  /** As `refuse`, and a failure takes the place of the attempt's last report. One transaction. */
  refuseFor(id: number, why: string, instead: { readonly body: FromDaemonBody<'fail'>; readonly at: number }): void {
    this.#transaction(() => {
      this.refuse(id, why)
      this.add(instead.body.attemptId, 'fail', instead.body, instead.at)
    })
  }

  /**
   * The attempt was lost to another owner: what was to be its transcript and its result becomes salvage, which is stored aside and shown.
   * Questions to people are dropped. One transaction; to be called when the server said `lease_lost`.
   */
  turnIntoSalvage(attemptId: string, detail: string, at: number): void {
    this.#transaction(() => {
      for (const row of this.pending(-1, attemptId)) {
        if (row.kind === 'salvage' || row.kind === 'unsaid') continue // the words are for the task, whoever has it
        const salvage = salvageOf(row, detail)
        if (salvage !== null) this.add(attemptId, 'salvage', salvage, at)
        this.acknowledge(row.id)
      }
    })
  }
}

function salvageOf(row: OutboxRow, detail: string): FromDaemonBody<'salvage'> | null {
  const { attemptId, epoch, kind } = row
  if (kind === 'salvage' || kind === 'request' || kind === 'withdraw' || kind === 'unsaid') return null
  if (kind === 'events') return { attemptId, epoch, kind: 'events', detail, evidence: null, events: [...row.events] }
  return { attemptId, epoch, kind: 'result', detail: `${kind}: ${detail}`, evidence: row.body.evidence, events: [] }
}

function parseRow({ id, attemptId, epoch, createdAt, kind, body }: StoredRow): OutboxRow {
  const facts = { id, attemptId, epoch, createdAt }
  if (kind === 'events') return { ...facts, kind, events: JSON.parse(body), bytes: Buffer.byteLength(body) }
  return { ...facts, kind, body: JSON.parse(body) } as OutboxRow // `add` wrote the body that belongs to this kind
}

function prepare(db: DatabaseSync) {
  const sql = (text: string): StatementSync => db.prepare(text)
  return {
    add: sql(`INSERT INTO outbox (attempt_id, epoch, kind, body, first_seq, last_seq, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?)`),
    pending: sql(`SELECT ${columns} FROM outbox WHERE refused IS NULL ORDER BY id LIMIT ?`),
    pendingOf: sql(`SELECT ${columns} FROM outbox WHERE refused IS NULL AND attempt_id = ? ORDER BY id LIMIT ?`),
    // One seek per attempt: after hours without a server there may be many rows, and this is asked at each poke.
    attempts: sql(`WITH RECURSIVE each_attempt (id) AS (
        SELECT min(attempt_id) FROM outbox WHERE refused IS NULL
        UNION ALL
        SELECT (SELECT min(attempt_id) FROM outbox WHERE refused IS NULL AND attempt_id > each_attempt.id)
          FROM each_attempt WHERE each_attempt.id IS NOT NULL)
      SELECT id AS attemptId FROM each_attempt WHERE id IS NOT NULL`),
    depth: sql('SELECT count(*) AS depth FROM outbox WHERE refused IS NULL'),
    remove: sql('DELETE FROM outbox WHERE id = ?'),
    drop: sql('DELETE FROM outbox WHERE attempt_id = ?'),
    removeEvents: sql('DELETE FROM outbox WHERE attempt_id = ? AND refused IS NULL AND last_seq < ?'),
    across: sql(`SELECT id, body FROM outbox
      WHERE attempt_id = ?1 AND refused IS NULL AND first_seq < ?2 AND last_seq >= ?2`),
    cut: sql('UPDATE outbox SET body = ?, first_seq = ? WHERE id = ?'),
    refuse: sql('UPDATE outbox SET refused = ? WHERE id = ?'),
  }
}

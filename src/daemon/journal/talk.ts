// What was said to an agent and what it asked: the part of the journal that makes a conversation survive its daemon. Every call is to be
// made inside the transaction that commits what it came of.

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { FromDaemonBody } from '../../protocol/link.ts'
import type { AskOption } from '../harness/port.ts'

/** Text for the agent's standard input and where in stdin.log it belongs. */
export interface Input {
  /** Byte offset in stdin.log. */
  readonly at: number
  readonly text: string
}

/** How far the agent's input is promised. */
export interface InputEnd {
  /** Byte offset behind all that was promised; null: nothing was yet. */
  readonly end: number | null
  /** End of file was promised behind it. */
  readonly ended: boolean
}

/** What an agent asked by one key; it may use a key again once that was answered. */
export interface Asked {
  readonly key: string
  /** How often this key was asked by now. */
  readonly times: number
  /** The newest ask's id at the server; null: it was answered, expired or taken back. */
  readonly requestId: string | null
  readonly title: string
  readonly options: readonly AskOption[]
  /** What waits for a person, as the server is to hear it; null: nothing does. Absent in a journal of the version before. */
  readonly open?: OpenAsk | null
}

export interface OpenAsk {
  readonly sent: FromDaemonBody<'request'>
  /** When nobody's answer counts any more, by the host's clock. */
  readonly until: number
}

/** Words for the agent. `seq`: the server's number of the message. */
export interface Words {
  readonly seq: number
  readonly text: string
  /** How much of the agent's output was read by then, bytes. */
  readonly at: number
}

/** Numbers outlive their run: the server may send one again whose acknowledgement it did not hear. */
const rememberedWords = 10_000

/** The server's own expiry comes first while the server can be heard: the host waits so much longer, at most as long again, ms. */
const slackMs = 60_000

export class Talk {
  readonly #statements: ReturnType<typeof prepare>

  constructor(db: DatabaseSync) {
    this.#statements = prepare(db)
  }

  inputEnd(attemptId: string): InputEnd {
    const row = this.#statements.inputEnd.get(attemptId)
    return { end: row?.input == null ? null : Number(row.input), ended: row?.ended === 1 }
  }

  /** Promises text; `end` of the input moves behind it. What was promised before is in the file by now and is forgotten. */
  addInput(attemptId: string, { at, text }: Input): void {
    this.#statements.forgetInput.run(attemptId, at)
    this.#statements.addInput.run(attemptId, at, text)
    this.moveEnd(attemptId, at + Buffer.byteLength(text))
  }

  /** Where the next text belongs. */
  moveEnd(attemptId: string, end: number): void {
    this.#statements.moveEnd.run(end, attemptId)
  }

  /** The agent said its last word; its process may not end by itself. */
  isDone(attemptId: string): boolean {
    return this.#statements.inputEnd.get(attemptId)?.done === 1
  }

  markDone(attemptId: string): void {
    this.#statements.markDone.run(attemptId)
  }

  endInput(attemptId: string): void {
    this.#statements.endInput.run(attemptId)
  }

  /** What may not be in the file yet, in order. */
  inputs(attemptId: string): readonly Input[] {
    return this.#statements.inputs.all(attemptId).map(({ at, text }) => ({ at: Number(at), text: String(text) }))
  }

  keepAsk(attemptId: string, { key, times, requestId, title, options, open = null }: Asked): void {
    const doc = JSON.stringify({ title, options, ...(requestId === null ? {} : { open }) })
    this.#statements.keepAsk.run(attemptId, key, times, requestId, doc)
  }

  /** All that the attempt ever asked, oldest key first. */
  asks(attemptId: string): readonly Asked[] {
    return this.#statements.asks.all(attemptId).map(({ key, times, requestId, doc }) => {
      const { title, options, open = null }: Pick<Asked, 'title' | 'options' | 'open'> = JSON.parse(String(doc)) // written by keepAsk
      return {
        key: String(key),
        times: Number(times),
        requestId: requestId === null ? null : String(requestId),
        title,
        options,
        open,
      }
    })
  }

  /** When an open request is denied, by the host's clock; null: it is not open, or nobody knows. */
  until(attemptId: string, requestId: string): number | null {
    const row = this.#statements.until.get(attemptId, requestId)
    return row?.until == null ? null : Number(row.until)
  }

  /** What nobody answered in time, of all attempts, and what the server should have denied by now. */
  overdue(now: number): readonly { readonly attemptId: string; readonly requestId: string }[] {
    return this.#statements.overdue
      .all(slackMs, now)
      .map(({ attemptId, requestId }) => ({ attemptId: String(attemptId), requestId: String(requestId) }))
  }

  /** The host's clock was set by so much, or the host slept, ms: open requests keep the time they have left, those of all attempts. */
  shift(ms: number): void {
    this.#statements.shift.run(Math.round(ms))
  }

  /** What became of the server's message of this number: null: it did not come yet. */
  heard(attemptId: string, seq: number): 'taken' | 'late' | null {
    const row = this.#statements.heard.get(attemptId, seq)
    return row === undefined ? null : row.late === 1 ? 'late' : 'taken'
  }

  hear(attemptId: string, { seq, text, at }: Words, became: 'taken' | 'late'): void {
    const late = became === 'late' ? 1 : 0
    this.#statements.hear.run(attemptId, seq, late === 1 ? null : text, at, late)
    this.#statements.pruneHeard.run(rememberedWords)
  }

  /** What the agent was given while it worked, oldest first. */
  words(attemptId: string): readonly Words[] {
    return this.#statements.words
      .all(attemptId)
      .map(({ seq, text, at }) => ({ seq: Number(seq), text: String(text), at: Number(at) }))
  }

  forget(attemptId: string): void {
    for (const table of this.#statements.forget) table.run(attemptId)
    this.#statements.forgetWords.run(attemptId)
  }
}

function prepare(db: DatabaseSync) {
  const sql = (text: string): StatementSync => db.prepare(text)
  return {
    inputEnd: sql('SELECT input, input_ended AS ended, done FROM cursors WHERE attempt_id = ?'),
    addInput: sql('INSERT INTO inputs (attempt_id, at, text) VALUES (?, ?, ?)'),
    forgetInput: sql('DELETE FROM inputs WHERE attempt_id = ? AND at <= ?'),
    moveEnd: sql('UPDATE cursors SET input = ? WHERE attempt_id = ?'),
    endInput: sql('UPDATE cursors SET input_ended = 1 WHERE attempt_id = ?'),
    markDone: sql('UPDATE cursors SET done = 1 WHERE attempt_id = ?'),
    inputs: sql('SELECT at, text FROM inputs WHERE attempt_id = ? ORDER BY at'),
    keepAsk: sql(`INSERT INTO asks (attempt_id, key, times, request_id, doc) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (attempt_id, key) DO UPDATE SET times = excluded.times, request_id = excluded.request_id,
        doc = excluded.doc`),
    asks: sql('SELECT key, times, request_id AS requestId, doc FROM asks WHERE attempt_id = ? ORDER BY rowid'),
    until: sql(`SELECT json_extract(doc, '$.open.until') AS until FROM asks WHERE attempt_id = ? AND request_id = ?`),
    overdue: sql(`SELECT attempt_id AS attemptId, request_id AS requestId FROM asks WHERE request_id IS NOT NULL
      AND json_extract(doc, '$.open.until') + min(?, json_extract(doc, '$.open.sent.openForMs')) <= ?`),
    shift: sql(`UPDATE asks SET doc = json_set(doc, '$.open.until', json_extract(doc, '$.open.until') + ?)
      WHERE request_id IS NOT NULL AND json_extract(doc, '$.open.until') IS NOT NULL`),
    heard: sql('SELECT late FROM heard WHERE attempt_id = ? AND seq = ?'),
    hear: sql('INSERT INTO heard (attempt_id, seq, text, at, late) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING'),
    pruneHeard: sql('DELETE FROM heard WHERE rowid <= (SELECT max(rowid) FROM heard) - ?'),
    words: sql('SELECT seq, text, at FROM heard WHERE attempt_id = ? AND text IS NOT NULL ORDER BY rowid'),
    forgetWords: sql('UPDATE heard SET text = NULL WHERE attempt_id = ?'),
    forget: ['inputs', 'asks'].map((table) => sql(`DELETE FROM ${table} WHERE attempt_id = ?`)),
  }
}

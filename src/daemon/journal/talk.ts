// What was said to an agent and what it asked: the part of the journal that makes a conversation survive its daemon. Every call is to be
// made inside the transaction that commits what it came of.

import type { DatabaseSync, StatementSync } from 'node:sqlite'
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
}

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

  keepAsk(attemptId: string, { key, times, requestId, title, options }: Asked): void {
    this.#statements.keepAsk.run(attemptId, key, times, requestId, JSON.stringify({ title, options }))
  }

  /** All that the attempt ever asked, oldest key first. */
  asks(attemptId: string): readonly Asked[] {
    return this.#statements.asks.all(attemptId).map(({ key, times, requestId, doc }) => {
      const { title, options }: Pick<Asked, 'title' | 'options'> = JSON.parse(String(doc)) // written by keepAsk
      return {
        key: String(key),
        times: Number(times),
        requestId: requestId === null ? null : String(requestId),
        title,
        options,
      }
    })
  }

  /** True when the server's message of this number was taken. */
  heard(attemptId: string, seq: number): boolean {
    return this.#statements.heard.get(attemptId, seq) !== undefined
  }

  hear(attemptId: string, seq: number): void {
    this.#statements.hear.run(attemptId, seq)
  }

  forget(attemptId: string): void {
    for (const table of this.#statements.forget) table.run(attemptId)
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
    heard: sql('SELECT 1 FROM heard WHERE attempt_id = ? AND seq = ?'),
    hear: sql('INSERT INTO heard (attempt_id, seq) VALUES (?, ?) ON CONFLICT DO NOTHING'),
    forget: ['inputs', 'asks', 'heard'].map((table) => sql(`DELETE FROM ${table} WHERE attempt_id = ?`)),
  }
}

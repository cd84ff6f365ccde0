// Calls of a run's agent that were answered: kept with what they did, so that one that is sent again is not done again.

import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** What a run handed in last. */
export interface KeptOutput {
  readonly output: unknown
  /** ms since the epoch. */
  readonly at: number
}

/** No call has this key. */
const outputKey = 'output'
/** A bridge sends again only what it got no answer for: at most what was under way at once. */
const keptPerAttempt = 512

export class Calls {
  readonly #statements: ReturnType<typeof prepare>

  constructor(db: DatabaseSync) {
    this.#statements = prepare(db)
  }

  /** What the call came to; undefined when it was not answered. */
  answer(attemptId: string, key: string): unknown {
    const row = this.#statements.answer.get(attemptId, key)
    return row === undefined ? undefined : JSON.parse(String(row.answer))
  }

  keep(attemptId: string, key: string, answer: unknown): void {
    this.#statements.keep.run(attemptId, key, JSON.stringify(answer ?? null))
    this.#statements.prune.run(attemptId, attemptId, keptPerAttempt)
  }

  /** Replaces what was handed in before. */
  keepOutput(attemptId: string, kept: KeptOutput): void {
    this.#statements.replace.run(attemptId, outputKey, JSON.stringify(kept))
  }

  output(attemptId: string): KeptOutput | null {
    return (this.answer(attemptId, outputKey) ?? null) as KeptOutput | null // written by keepOutput
  }

  forget(attemptId: string): void {
    this.#statements.forget.run(attemptId)
  }
}

function prepare(db: DatabaseSync) {
  const sql = (text: string): StatementSync => db.prepare(text)
  return {
    answer: sql('SELECT answer FROM calls WHERE attempt_id = ? AND key = ?'),
    keep: sql('INSERT INTO calls (attempt_id, key, answer) VALUES (?, ?, ?) ON CONFLICT DO NOTHING'),
    replace: sql(`INSERT INTO calls (attempt_id, key, answer) VALUES (?, ?, ?)
      ON CONFLICT (attempt_id, key) DO UPDATE SET answer = excluded.answer`),
    prune: sql(`DELETE FROM calls WHERE attempt_id = ? AND key <> '${outputKey}' AND id <=
      (SELECT id FROM calls WHERE attempt_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?)`),
    forget: sql('DELETE FROM calls WHERE attempt_id = ?'),
  }
}

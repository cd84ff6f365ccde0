// A task's log: what happened, by whom, and why. Read only; `persist.ts` appends.

import type { LogEntry } from '../core/log-entry.ts'
import type { LoggedEntry, Tx, Work } from './port.ts'
import { all, parseJson } from './query.ts'

export interface LogPage {
  /** Entries after this seq. */
  readonly after: number
  readonly limit: number
}

/** Entries of a task, oldest first; without a page all of them. */
export function* taskLog(tx: Tx, taskId: string, page?: LogPage): Work<LoggedEntry[]> {
  const whole = tx.db.selectFrom('task_log').selectAll().where('task_id', '=', taskId).orderBy('seq')
  const query = page === undefined ? whole : whole.where('seq', '>', page.after).limit(page.limit)
  const rows = yield* all(query.compile())
  return rows.map(({ seq, at, actor, cause, entry }) => ({ seq, at, actor, cause, entry: parseJson<LogEntry>(entry) }))
}

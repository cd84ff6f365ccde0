// A task's log: what happened, by whom, and why. Read only; `persist.ts` appends.

import type { LogEntry } from '../core/log-entry.ts'
import type { LoggedEntry, Tx, Work } from './port.ts'
import { all, parseJson } from './query.ts'

/** All entries of a task, oldest first. */
export function* taskLog(tx: Tx, taskId: string): Work<LoggedEntry[]> {
  const query = tx.db.selectFrom('task_log').selectAll().where('task_id', '=', taskId).orderBy('seq')
  const rows = yield* all(query.compile())
  return rows.map(({ seq, at, actor, cause, entry }) => ({ seq, at, actor, cause, entry: parseJson<LogEntry>(entry) }))
}

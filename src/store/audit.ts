// The audit log: one line for each call of a person or program that changed something. A line is written before the call does anything, and
// finished or taken back after it: what a crash left unfinished may have been done.

import { sql } from 'kysely'
import type { AuditLine } from '../protocol/audit.ts'
import type { Tx, Work } from './port.ts'
import { all, change, first, parseJsonOrNull, rowsOf } from './query.ts'

export interface NewAuditLine {
  readonly actor: string
  readonly operation: string
  readonly target: string | null
  readonly detail: Readonly<Record<string, unknown>> | null
  readonly address: string | null
}

/** Gives the line's number. */
export function* beginAuditLine(tx: Tx, teamId: string, line: NewAuditLine): Work<number> {
  const detail = line.detail === null ? null : JSON.stringify(line.detail)
  const row = { ...line, detail, team_id: teamId, at: tx.now, unfinished: 1 }
  const made = yield* first(tx.db.insertInto('audit').values(row).returning('seq').compile())
  if (made === null) throw new Error('the audit log took no line')
  return made.seq
}

/** The call was done. `target`: of what it made. */
export function* finishAuditLine(tx: Tx, seq: number, target: string | null): Work<void> {
  const update = tx.db.updateTable('audit').set({ unfinished: 0, target }).where('seq', '=', seq)
  yield* change(update.compile())
}

/** The call was refused: nothing was done. */
export function* dropAuditLine(tx: Tx, seq: number): Work<void> {
  yield* change(tx.db.deleteFrom('audit').where('seq', '=', seq).compile())
}

export interface AuditQuery {
  /** Seq; null: from the newest. */
  readonly before: number | null
  readonly limit: number
  readonly actor?: string | undefined
  readonly operation?: string | undefined
  readonly target?: string | undefined
}

/** Newest first. */
export function* auditLines(tx: Tx, teamId: string, { before, limit, ...only }: AuditQuery): Work<AuditLine[]> {
  let query = tx.db
    .selectFrom('audit')
    .select(['seq', 'at', 'actor', 'operation', 'target', 'detail', 'address', 'unfinished'])
    .where('team_id', '=', teamId)
  if (before !== null) query = query.where('seq', '<', before)
  for (const field of ['actor', 'operation', 'target'] as const) {
    const wanted = only[field]
    if (wanted !== undefined) query = query.where(field, '=', wanted)
  }
  const rows = yield* all(query.orderBy('seq', 'desc').limit(limit).compile())
  return rows.map(({ detail, unfinished, ...row }) => ({
    ...row,
    source: 'call',
    detail: parseJsonOrNull<Record<string, unknown>>(detail),
    ...(unfinished === 0 ? {} : { unfinished: true }),
  }))
}

/** Who made which task, newest first: a task's row says so itself. */
export function* createdTasks(
  tx: Tx,
  teamId: string,
  { before, limit, actor, operation, target }: AuditQuery,
): Work<AuditLine[]> {
  if (operation !== undefined && operation !== 'createTask') return []
  let query = tx.db
    .selectFrom('tasks')
    .select(['seq', 'id', 'created_at', 'created_by', 'repo', 'harness'])
    .where('team_id', '=', teamId)
  if (before !== null) query = query.where('seq', '<', before)
  if (actor !== undefined) query = query.where('created_by', '=', actor)
  if (target !== undefined) query = query.where('id', '=', target)
  const rows = yield* all(query.orderBy('seq', 'desc').limit(limit).compile())
  return rows.map(({ seq, id, created_at: at, created_by: by, repo, harness }) => {
    const named = Object.entries({ repo, harness }).filter(([, value]) => value !== null)
    const detail = named.length === 0 ? null : Object.fromEntries(named)
    return { seq, source: 'task', at, actor: by, operation: 'createTask', target: id, detail, address: null }
  })
}

/** What a task's own log tells, newest first. Texts of people and agents stay there: `task show --log` has them. */
export function* loggedEntries(
  tx: Tx,
  teamId: string,
  { before, limit, actor, operation, target }: AuditQuery,
): Work<AuditLine[]> {
  const rows = yield* rowsOf(
    tx,
    sql<{ seq: number; at: number; actor: string; entry: string }>`select l.seq, l.at, l.actor, l.entry from task_log l
      join tasks t on t.id = l.task_id where t.team_id = ${teamId} and l.task_id = ${target ?? ''}
      ${before === null ? sql`` : sql`and l.seq < ${before}`} ${actor === undefined ? sql`` : sql`and l.actor = ${actor}`}
      ${operation === undefined ? sql`` : sql`and replace(l.entry, ${typed(operation)}, '') <> l.entry`}
      order by l.seq desc limit ${limit}`,
  )
  return rows.map(({ seq, at, actor: by, entry }): AuditLine => {
    const { type, ...more } = parseJsonOrNull<Record<string, unknown>>(entry) ?? {}
    const kept = Object.entries(more).filter(([key]) => plainFields.has(key))
    const detail = kept.length === 0 ? null : Object.fromEntries(kept)
    return {
      seq,
      source: 'task',
      at,
      actor: by,
      operation: String(type),
      target: target ?? null,
      detail,
      address: null,
    }
  })
}

/**
 * What an entry of that type has in its text. PostgreSQL does not take JSON apart that holds NUL, and what people and agents say may; no
 * entry has another `type` inside, and in a text of it the quotes would be escaped. `like` would not tell capitals apart on SQLite.
 */
function typed(operation: string): string {
  return `"type":${JSON.stringify(operation)}`
}

/** Of log entries: ids, numbers and words from tables. */
const plainFields: ReadonlySet<string> = new Set([
  'attemptId',
  'n',
  'epoch',
  'daemonId',
  'state',
  'reason',
  'verdict',
  'by',
  'why',
])

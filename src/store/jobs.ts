// Attempts across tasks: what hosts do and did, and what became of it over time.

import { sql } from 'kysely'
import type { TaskRecord, Tx, Work } from './port.ts'
import { rowsOf } from './query.ts'
import type { TaskRow } from './task-rows.ts'
import { recordsOf } from './task-rows.ts'
import { selectTask } from './tasks.ts'

export interface JobQuery {
  readonly teamId: string
  readonly state?: 'active' | 'ended' | undefined
  /** Id. */
  readonly daemon?: string | undefined
  /** Attempts with a smaller id: ids sort by birth. */
  readonly before?: string | undefined
  readonly limit: number
}

/** Ids of attempts, newest first, each with its task. */
export function* findJobs(
  tx: Tx,
  query: JobQuery,
): Work<{ readonly attemptId: string; readonly record: TaskRecord }[]> {
  const found = [sql`a.team_id = ${query.teamId}`]
  if (query.state === 'active') found.push(sql`a.open = 1`)
  if (query.state === 'ended') found.push(sql`a.ended_at is not null`)
  if (query.daemon !== undefined) found.push(sql`a.daemon_id = ${query.daemon}`)
  if (query.before !== undefined) found.push(sql`a.id < ${query.before}`)
  const rows = yield* rowsOf(
    tx,
    sql<{ id: string; task_id: string }>`select a.id, a.task_id from attempts a where ${sql.join(found, sql` and `)}
      order by a.id desc limit ${query.limit}`,
  )
  if (rows.length === 0) return []
  const taskIds = [...new Set(rows.map((row) => row.task_id))]
  const tasks = yield* rowsOf(tx, sql<TaskRow>`${selectTask} where t.id in (${sql.join(taskIds)})`)
  const records = new Map((yield* recordsOf(tx, tasks)).map((record) => [record.task.id as string, record])) // ids are text
  return rows.flatMap((row) => {
    const record = records.get(row.task_id)
    return record === undefined ? [] : [{ attemptId: row.id, record }]
  })
}

/** When a task was made, when its first attempt began, and when it ended; null: not yet. */
export interface Passage {
  readonly made: number
  readonly begun: number | null
  readonly ended: number | null
}

/** The passages of the team's tasks that touch the time since then, at most `limit` of the newest. */
export function* passagesSince(tx: Tx, teamId: string, { since, limit }: Span): Work<Passage[]> {
  return yield* rowsOf(
    tx,
    sql<Passage>`select t.created_at as made, t.ended_at as ended,
        (select min(a.claimed_at) from attempts a where a.task_id = t.id) as begun
      from tasks t where t.team_id = ${teamId} and (t.ended_at is null or t.ended_at >= ${since})
      order by t.seq desc limit ${limit}`,
  )
}

export interface EndedAttempt {
  readonly state: string
  readonly reason: string | null
  readonly endedAt: number
  readonly outcome: string | null
}

export interface Span {
  readonly since: number
  readonly limit: number
}

/** Attempts that ended since then, newest first. */
export function* endedSince(tx: Tx, teamId: string, { since, limit }: Span): Work<EndedAttempt[]> {
  return yield* rowsOf(
    tx,
    sql<EndedAttempt>`select a.state, a.reason, a.ended_at as ${sql.ref('endedAt')}, a.outcome from attempts a
      where a.team_id = ${teamId} and a.ended_at is not null and a.ended_at >= ${since} order by a.ended_at desc limit ${limit}`,
  )
}

// Tasks as a whole: how one is born, found and listed.

import type { OnConflictBuilder } from 'kysely'
import { sql } from 'kysely'
import type { Answer } from '../core/condition.ts'
import { decide } from '../core/decide.ts'
import { evolve } from '../core/evolve.ts'
import type { TaskId } from '../core/id.ts'
import type { LogEntry } from '../core/log-entry.ts'
import { Problem } from '../core/problem.ts'
import type { Task, TaskStateName, WaitReason } from '../core/task.ts'
import { terminalStates } from '../core/task.ts'
import { laneFor } from './lanes.ts'
import { appendLog, liveColumns } from './persist.ts'
import type { NewTask, TaskRecord, Tx, Work } from './port.ts'
import { all, change, first, rowsOf } from './query.ts'
import type { Schema } from './schema.ts'
import type { TaskRow } from './task-rows.ts'
import { recordsOf, toRecord } from './task-rows.ts'
import { insertRows } from './text.ts'
import { addRefs, watchCondition } from './waiters.ts'

export interface Created {
  readonly taskId: TaskId
  /** As it is stored now. */
  readonly record: TaskRecord
  /** False: the same Idempotency-Key and body made it before. */
  readonly created: boolean
}

/**
 * Makes a task: queued, waiting, or failed at once when its condition cannot be met. Throws Problem `idempotency_conflict` when the key was
 * used in this team for another body.
 */
export function* createTask(tx: Tx, given: NewTask): Work<Created> {
  const laneId = yield* laneFor(tx, given.needs)
  const sticky = given.stickyDaemon
  const pinned = sticky !== undefined && sticky.until > tx.now && given.needs.daemon === null
  const pinLane = pinned ? yield* laneFor(tx, { ...given.needs, daemon: sticky.daemonId }) : null
  const watched = yield* watchCondition(tx, given.needs.teamId, given.spec)
  const found: Answer = watched?.found ?? { is: 'met' }
  const { task, entries } = birth(given, found, tx.now)
  const row = {
    ...fixedColumns(given, tx.now),
    ...liveColumns(task, { state: null, queued_at: null, ended_at: null, run_at: given.runAt }, tx.now),
    lane_id: pinLane ?? laneId,
    fallback_lane_id: pinLane === null ? null : laneId,
    pin_until: pinLane === null ? null : (sticky?.until ?? null),
    sticky_daemon: pinLane === null ? null : (sticky?.daemonId ?? null),
  }
  if (given.idempotency === null) yield* insertRows(tx, 'tasks', [row])
  else {
    const query = tx.db.insertInto('tasks').values(row).onConflict(oncePerKey)
    if ((yield* change(query.compile())) === 0) return yield* sameAgain(tx, given)
  }
  yield* appendLog(tx, [{ after: task, entries, cause: { actor: given.createdBy, cause: given.causeId } }])
  if (watched !== null && task.status.state === 'waiting') yield* addRefs(tx, given.id, watched.condition)
  tx.notify({ kind: 'task', teamId: row.team_id, taskId: given.id, state: row.state })
  if (row.claimable === 1) tx.notify({ kind: 'claimable', laneId: row.lane_id })
  // Written a moment ago in this transaction: reading it again would tell nothing new.
  const stored = { ...row, seq: 0, needs: '' }
  const doc = { spec: given.spec, terms: given.terms }
  const record = toRecord({ row: stored, attemptRows: [], task, doc }, { needs: given.needs })
  return { taskId: given.id, record, created: true }
}

/** The task that the team made under this key; null: none yet. Throws Problem `idempotency_conflict` when that was for another body. */
export function* madeBefore(tx: Tx, teamId: string, idempotency: NewTask['idempotency']): Work<Created | null> {
  if (idempotency === null) return null
  const { key, bodyHash } = idempotency
  const query = tx.db.selectFrom('tasks').select(['id', 'body_hash']).where('team_id', '=', teamId)
  const found = yield* first(query.where('idempotency_key', '=', key).compile())
  if (found === null) return null
  if (found.body_hash !== bodyHash) {
    throw new Problem('idempotency_conflict', `Idempotency-Key ${key} made ${found.id} from another body`)
  }
  const record = yield* taskById(tx, found.id)
  if (record === null) throw new Error(`${found.id} was there a moment ago`)
  return { taskId: record.task.id, record, created: false }
}

/** A task of the team; null when there is none by that id or it belongs to another team. */
export function* getTask(tx: Tx, teamId: string, id: string): Work<TaskRecord | null> {
  const record = yield* taskById(tx, id)
  return record === null || record.teamId !== teamId ? null : record
}

/** Those of `ids` that are tasks of the team. */
export function* tasksAmong(tx: Tx, teamId: string, ids: readonly string[]): Work<ReadonlySet<string>> {
  const query = tx.db.selectFrom('tasks').select('id').where('id', 'in', ids).where('team_id', '=', teamId)
  return new Set((yield* all(query.compile())).map((row) => row.id))
}

/** A task of any team: for the server's own work, never for a caller's request. */
export function* taskById(tx: Tx, id: string): Work<TaskRecord | null> {
  const rows = yield* rowsOf(tx, sql<TaskRow>`${selectTask} where t.id = ${id}`)
  return (yield* recordsOf(tx, rows))[0] ?? null
}

/** The task that an attempt of the team is of. */
export function* taskOfAttempt(tx: Tx, teamId: string, attemptId: string): Work<TaskRecord | null> {
  const row = yield* first(tx.db.selectFrom('attempts').select('task_id').where('id', '=', attemptId).compile())
  return row === null ? null : yield* getTask(tx, teamId, row.task_id)
}

export interface TaskQuery {
  readonly teamId: string
  readonly states?: readonly TaskStateName[] | undefined
  readonly repo?: string | undefined
  /** Asked for by the task, or used by one of its attempts. */
  readonly harness?: string | undefined
  /** Id of a daemon that ran it. */
  readonly daemon?: string | undefined
  readonly label?: string | undefined
  readonly correlationId?: string | undefined
  /** As the page before gave it. */
  readonly cursor?: string | undefined
  readonly limit: number
}

/** A page of tasks, newest first. The cursor is a place in the order of creation: tasks made meanwhile shift nothing. */
export function* listTasks(
  tx: Tx,
  query: TaskQuery,
): Work<{ readonly records: TaskRecord[]; readonly nextCursor: string | null }> {
  const rows = yield* rowsOf(
    tx,
    sql<TaskRow>`${selectTask} where ${sql.join(filters(query), sql` and `)} order by t.seq desc limit ${query.limit + 1}`,
  )
  const shown = rows.slice(0, query.limit)
  const last = shown.at(-1)
  const nextCursor = rows.length > query.limit && last !== undefined ? String(last.seq) : null
  return { records: yield* recordsOf(tx, shown), nextCursor }
}

export const selectTask = sql`select t.*, l.needs from tasks t join lanes l on l.id = coalesce(t.fallback_lane_id, t.lane_id)`

/** The conditions of a list on tasks `t` joined with their lanes `l`. */
export function filters(query: Omit<TaskQuery, 'limit'>) {
  const { states = [], repo, harness, daemon, label, correlationId, cursor } = query
  const found = [sql`t.team_id = ${query.teamId}`]
  if (states.length > 0) found.push(sql`t.state in (${sql.join(states)})`)
  // Lets the database use the small index of what has not ended.
  const ended: readonly string[] = terminalStates
  if (states.length > 0 && !states.some((state) => ended.includes(state))) found.push(sql`t.ended_at is null`)
  if (repo !== undefined) found.push(sql`t.repo = ${repo}`)
  if (correlationId !== undefined) found.push(sql`t.correlation_id = ${correlationId}`)
  if (label !== undefined) found.push(sql`t.labels like ${labelPattern(label)} escape '!'`)
  if (harness !== undefined) {
    found.push(
      sql`(t.harness = ${harness} or exists (select 1 from attempts a where a.task_id = t.id and a.harness = ${harness}))`,
    )
  }
  if (daemon !== undefined) {
    found.push(sql`exists (select 1 from attempts a where a.task_id = t.id and a.daemon_id = ${daemon})`)
  }
  if (cursor !== undefined) found.push(sql`t.seq < ${placeOf(cursor)}`)
  return found
}

/** Labels are kept as a JSON array: a quoted label matches itself only. */
function labelPattern(label: string): string {
  return `%${JSON.stringify(label).replace(/[!%_]/g, '!$&')}%`
}

function placeOf(cursor: string): number {
  if (!/^\d{1,15}$/.test(cursor)) {
    throw new Problem('invalid_request', `cursor ${cursor} is not one this server gave; leave it out to start again`)
  }
  return Number(cursor)
}

function birth(given: NewTask, found: Answer, now: number): { task: Task; entries: readonly LogEntry[] } {
  const waitOn: WaitReason[] = []
  if (found.is !== 'met') waitOn.push(given.spec.claimCondition === null ? 'session_busy' : 'condition')
  if (given.spec.held === true) waitOn.push('held')
  if (given.runAt !== null && given.runAt > now) waitOn.push('run_at')
  const born = decided(null, { type: 'create', taskId: given.id, terms: given.terms, waitOn }, now)
  const task = evolved(null, born)
  if (found.is !== 'unsatisfiable') return { task, entries: born }
  const failed = decided(task, { type: 'unsatisfiable', detail: found.because }, now)
  return { task: evolved(task, failed), entries: [...born, ...failed] }
}

function decided(task: Task | null, command: Parameters<typeof decide>[1], now: number): readonly LogEntry[] {
  const decision = decide(task, command, now)
  if (!decision.ok) throw new Error(`a new task was refused: ${decision.refusal.detail}`)
  return decision.entries
}

function evolved(task: Task | null, entries: readonly LogEntry[]): Task {
  const after = entries.reduce<Task | null>(evolve, task)
  if (after === null) throw new Error('a task was born without an entry')
  return after
}

function fixedColumns(given: NewTask, now: number) {
  const { needs, spec, terms } = given
  return {
    id: given.id,
    team_id: needs.teamId,
    doc: JSON.stringify({ spec, terms }),
    priority: given.priority,
    run_at: given.runAt,
    watched: 0 as const,
    repo: needs.repo,
    harness: needs.harness,
    labels: JSON.stringify(needs.labels),
    correlation_id: given.correlationId,
    session_key: given.sessionKey ?? null,
    cause_id: given.causeId,
    hops: given.hops,
    idempotency_key: given.idempotency?.key ?? null,
    body_hash: given.idempotency?.bodyHash ?? null,
    created_at: now,
    created_by: given.createdBy,
  }
}

function oncePerKey(on: OnConflictBuilder<Schema, 'tasks'>) {
  return on.columns(['team_id', 'idempotency_key']).where('idempotency_key', 'is not', null).doNothing()
}

function* sameAgain(tx: Tx, { needs, idempotency }: NewTask): Work<Created> {
  const made = yield* madeBefore(tx, needs.teamId, idempotency)
  if (made === null) throw new Error(`Idempotency-Key ${idempotency?.key} is taken by no task`)
  return made
}

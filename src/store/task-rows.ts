// Task and attempt rows: how they are loaded, and what they are as the state machine's task and as the store's record.

import type { Selectable } from 'kysely'
import type { Attempt, AttemptEnd, EndedAttempt, OpenAttempt, Ownership } from '../core/attempt.ts'
import type { AttemptId, DaemonId, TaskId } from '../core/id.ts'
import type { AttemptReason } from '../core/reason.ts'
import type { Requirements } from '../core/routing.ts'
import type { Spent, Status, Task, TaskTerms } from '../core/task.ts'
import { attemptColumns, taskColumns } from './columns.ts'
import type { AttemptRecord, Outcome, TaskRecord, TaskSpec, Tx, Work } from './port.ts'
import { all, parseJson, parseJsonOrNull, rowsOf } from './query.ts'
import type { AttemptsTable, TasksTable } from './schema.ts'
import { forUpdate, list, piece, text } from './text.ts'

/** A task's row with the needs of its lane (of the lane it falls back to, while it is pinned). */
export type TaskRow = Selectable<TasksTable> & { readonly needs: string }
export type AttemptRow = Selectable<AttemptsTable>

/** What a command works on: the rows, and the task they spell. `attemptRows` are in the order of `task.attempts`. */
export interface Loaded {
  readonly row: TaskRow
  readonly attemptRows: readonly AttemptRow[]
  readonly task: Task
  /** The row's document, parsed. */
  readonly doc: TaskDoc
}

export interface TaskDoc {
  readonly spec: TaskSpec
  readonly terms: TaskTerms
}

/** What an ended attempt's `ending` column holds. */
interface Ending {
  readonly reason: AttemptReason | null
  readonly detail: string
  readonly endedBy: 'owner' | 'server'
}

/** The task with its row locked until the transaction ends (first the task, then its attempts: the order that everyone keeps). */
export function* lockTask(tx: Tx, taskId: string): Work<Loaded | null> {
  const [loaded] = yield* lockTasks(tx, [taskId])
  return loaded ?? null
}

/** The same for several tasks, in no order that a caller may count on. */
export function* lockTasks(tx: Tx, taskIds: readonly string[]): Work<Loaded[]> {
  if (taskIds.length === 0) return []
  const inOrder = piece(tx.dialect === 'postgres' ? 'order by t.seq for update of t' : '')
  const rows = yield* rowsOf(
    tx,
    text<TaskRow>`select ${piece(taskColumns)}, l.needs from tasks t join lanes l on l.id = coalesce(t.fallback_lane_id, t.lane_id)
      where t.id in (${list(taskIds)}) ${inOrder}`,
  )
  return yield* withLockedAttempts(tx, rows)
}

/** The task that an attempt belongs to, locked in the same way. */
export function* lockTaskOfAttempt(tx: Tx, attemptId: string): Work<Loaded | null> {
  return (yield* lockTasksOfAttempts(tx, [attemptId]))[0] ?? null
}

/** The same for several attempts; each task once, in no order that a caller may count on. */
export function* lockTasksOfAttempts(tx: Tx, attemptIds: readonly string[]): Work<Loaded[]> {
  const lock = piece(tx.dialect === 'postgres' ? 'order by t.seq for update of t' : '')
  const rows = yield* rowsOf(
    tx,
    text<TaskRow>`select ${piece(taskColumns)}, l.needs from tasks t join lanes l on l.id = coalesce(t.fallback_lane_id, t.lane_id)
      where t.id in (select task_id from attempts where id in (${list(attemptIds)})) ${lock}`,
  )
  return yield* withLockedAttempts(tx, rows)
}

/** Rows that the caller locked, with their attempts locked too. */
export function* withLockedAttempts(tx: Tx, rows: readonly TaskRow[]): Work<Loaded[]> {
  return yield* withAttempts(tx, rows, forUpdate(tx))
}

/** Rows as records, without locks; keeps the order of the rows. */
export function* recordsOf(tx: Tx, rows: readonly TaskRow[]): Work<TaskRecord[]> {
  return yield* toRecords(tx, yield* withAttempts(tx, rows, piece('')))
}

/** Loaded tasks as records, with what was salvaged. */
export function* toRecords(tx: Tx, tasks: readonly Loaded[]): Work<TaskRecord[]> {
  const salvaged = tasks.flatMap((task) => task.attemptRows.filter((row) => row.salvaged > 0).map((row) => row.id))
  if (salvaged.length === 0) return tasks.map((task) => toRecord(task))
  const query = tx.db
    .selectFrom('salvage')
    .select(['attempt_id', 'at', 'kind', 'doc'])
    .where('attempt_id', 'in', salvaged)
    .orderBy('at')
  const byAttempt = Map.groupBy(yield* all(query.compile()), (row) => row.attempt_id)
  const shown = new Map<string, AttemptRecord['salvage']>()
  for (const [id, rows] of byAttempt) {
    shown.set(
      id,
      rows.map(({ at, kind, doc }) => ({ at, kind, detail: parseJson<{ detail: string }>(doc).detail })),
    )
  }
  return tasks.map((task) => toRecord(task, { salvage: shown }))
}

function* withAttempts(tx: Tx, rows: readonly TaskRow[], lock: ReturnType<typeof piece>): Work<Loaded[]> {
  const claimed = rows.filter((row) => row.epoch > 0).map((row) => row.id)
  if (claimed.length === 0) return rows.map((row) => loadedOf(row, []))
  const attemptRows = yield* rowsOf(
    tx,
    text<AttemptRow>`select ${piece(attemptColumns)} from attempts where task_id in (${list(claimed)}) order by task_id, n ${lock}`,
  )
  const byTask = Map.groupBy(attemptRows, (row) => row.task_id)
  return rows.map((row) => loadedOf(row, byTask.get(row.id) ?? []))
}

function loadedOf(row: TaskRow, attemptRows: readonly AttemptRow[]): Loaded {
  const doc = parseJson<TaskDoc>(row.doc)
  const task: Task = {
    id: row.id as TaskId, // written from one
    terms: doc.terms,
    status: parseJson<Status>(row.status),
    spent: parseJson<Spent>(row.spent),
    epoch: row.epoch,
    version: row.version,
    attempts: attemptRows.map(attemptOf),
  }
  return { row, attemptRows, task, doc }
}

/** The state machine's part of an attempt row. The casts name what `persist.ts` wrote. */
function attemptOf(row: AttemptRow): Attempt {
  const facts = {
    id: row.id as AttemptId, // written from one
    n: row.n,
    epoch: row.epoch,
    daemonId: row.daemon_id as DaemonId, // written from one
    claimedAt: row.claimed_at,
  }
  const ending = parseJsonOrNull<Ending>(row.ending)
  if (ending === null) {
    const open: OpenAttempt = {
      ...facts,
      state: row.state as OpenAttempt['state'], // no ending: one of the open states
      ownership: row.ownership as Ownership, // set while there is no ending
    }
    return open
  }
  const { reason, detail, endedBy } = ending
  const ended: EndedAttempt = {
    ...facts,
    state: row.state as AttemptEnd, // an ending: one of the ends
    reason,
    detail,
    endedAt: row.ended_at ?? 0,
    endedBy,
  }
  return ended
}

/** One of them; `needs` when they are at hand already. */
export function toRecord(
  { row, task, attemptRows, doc }: Loaded,
  { salvage, needs }: { salvage?: ReadonlyMap<string, AttemptRecord['salvage']>; needs?: Requirements } = {},
): TaskRecord {
  const pinned = row.pin_until === null || row.fallback_lane_id === null ? null : row.pin_until
  return {
    task,
    spec: doc.spec,
    needs: needs ?? needsOf(row.needs),
    teamId: row.team_id,
    priority: row.priority,
    runAt: row.run_at,
    correlationId: row.correlation_id,
    sessionKey: row.session_key,
    causeId: row.cause_id,
    hops: row.hops,
    createdAt: row.created_at,
    createdBy: row.created_by,
    queuedAt: row.queued_at,
    endedAt: row.ended_at,
    attempts: attemptRows.flatMap((attemptRow, i) => {
      const attempt = task.attempts[i]
      return attempt === undefined ? [] : [attemptRecord(attemptRow, attempt, salvage?.get(attemptRow.id) ?? [])]
    }),
    sticky: pinned === null || row.sticky_daemon === null ? null : { daemonId: row.sticky_daemon, until: pinned },
  }
}

/** Lanes are few and their needs never change: each text is parsed once. */
const parsedNeeds = new Map<string, Requirements>()
const keptNeeds = 1_000

function needsOf(text: string): Requirements {
  const known = parsedNeeds.get(text)
  if (known !== undefined) return known
  const needs = parseJson<Requirements>(text)
  if (parsedNeeds.size >= keptNeeds) parsedNeeds.clear()
  parsedNeeds.set(text, needs)
  return needs
}

function attemptRecord(row: AttemptRow, attempt: Attempt, salvage: AttemptRecord['salvage']): AttemptRecord {
  return {
    attempt,
    taskId: row.task_id as TaskId, // written from one
    daemonName: row.daemon_name,
    profileId: row.profile_id,
    profileCid: row.profile_cid,
    harness: row.harness,
    harnessVersion: row.harness_version,
    model: row.model,
    containment: row.containment,
    takesMessages: row.takes_messages === 1,
    sessionRef: row.session_ref,
    runningAt: row.running_at,
    leaseUntil: row.lease_until,
    lastHeartbeatAt: row.last_heartbeat_at,
    lastEventAt: row.last_event_at,
    asks: row.asks,
    waitsSince: row.asks > 0 ? row.asks_since : null,
    waitedMs: row.waited_ms,
    eventCount: row.event_count,
    outcome: parseJsonOrNull<Outcome>(row.outcome),
    salvage,
  }
}

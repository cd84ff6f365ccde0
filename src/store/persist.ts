// Writes what the state machine decided: the task's row, its attempts, its log, in the caller's transaction, and the notes that follow.

import { sql } from 'kysely'
import type { Attempt } from '../core/attempt.ts'
import { isOpen } from '../core/attempt.ts'
import type { LogEntry } from '../core/log-entry.ts'
import type { Status, Task } from '../core/task.ts'
import { isTerminal } from '../core/task.ts'
import type { Cause, Tx, Work } from './port.ts'
import { change, changeBy } from './query.ts'
import type { Flag } from './schema.ts'
import type { AttemptRow, Loaded, TaskRow } from './task-rows.ts'
import { insertRows, updateRow } from './text.ts'

/** One task's step from what was loaded to what is now so. */
export interface Change {
  readonly before: Loaded
  readonly after: Task
  readonly entries: readonly LogEntry[]
  readonly cause: Cause
  /** With a claim: what the new attempt's row says beside the state machine's part. */
  readonly claim?: ClaimFacts
  /** With a final report: kept in the same write as the state that follows from it. */
  readonly report?: ReportFacts
}

export interface ReportFacts {
  readonly attemptId: string
  /** An `Outcome` as JSON. */
  readonly outcome: string
  readonly sessionRef: string | null
}

export interface ClaimFacts {
  readonly daemonName: string
  readonly profileId: string | null
  readonly profileCid: string | null
  readonly leaseUntil: number
}

/** The columns of a task that follow from its state. */
type Live = Pick<
  TaskRow,
  | 'version'
  | 'state'
  | 'reason'
  | 'verdict'
  | 'status'
  | 'spent'
  | 'epoch'
  | 'claimable'
  | 'wake_at'
  | 'expire_at'
  | 'queued_at'
  | 'ended_at'
>

/** Another transaction changed the row first. The code makes PostgreSQL's side run the command again. */
class VersionConflict extends Error {
  readonly code = '40001'
}

/** Saves the changes of different tasks with as few statements as the database allows. Gives them as they are now, in the same order. */
export function* saveChanges(tx: Tx, changes: readonly Change[]): Work<Loaded[]> {
  const moving = changes.filter((each) => each.entries.length > 0)
  const lives = new Map(moving.map((each) => [each, liveColumns(each.after, each.before.row, tx.now)]))
  yield* updateTasks(tx, [...lives])
  const saved: Loaded[] = []
  const born: AttemptRow[] = []
  const moved: MovedRow[] = []
  for (const each of changes) {
    const attemptRows = each.after.attempts.map((attempt, i) => attemptRowOf(each, attempt, i, tx.now))
    born.push(...attemptRows.slice(each.before.attemptRows.length))
    moved.push(...movedRows(each.before, attemptRows))
    saved.push({ row: { ...each.before.row, ...lives.get(each) }, attemptRows, task: each.after, doc: each.before.doc })
  }
  yield* updateAttempts(tx, moved)
  yield* insertRows(tx, 'attempts', born)
  yield* appendLog(tx, moving)
  changes.forEach((each, i) => {
    tell(tx, each, saved[i])
  })
  return saved
}

/** Appends each change's entries: an entry's seq is the version it led to. */
export function* appendLog(tx: Tx, changes: readonly Pick<Change, 'after' | 'entries' | 'cause'>[]): Work<void> {
  const rows = changes.flatMap(({ after, entries, cause }) =>
    entries.map((entry, i) => ({
      task_id: after.id,
      seq: after.version - entries.length + 1 + i,
      at: tx.now,
      actor: cause.actor,
      cause: cause.cause,
      entry: JSON.stringify(entry),
    })),
  )
  yield* insertRows(tx, 'task_log', rows)
}

/** What follows from a task's state; `row` is what was there before. */
export function liveColumns(
  task: Task,
  row: Pick<TaskRow, 'queued_at' | 'ended_at' | 'run_at'> & { readonly state: string | null },
  now: number,
): Live {
  const { status } = task
  const queuedNow = status.state === 'queued' && row.state !== 'queued'
  return {
    version: task.version,
    state: status.state,
    reason: reasonOf(status),
    verdict: status.state === 'completed' ? status.verdict : null,
    status: JSON.stringify(status),
    spent: JSON.stringify(task.spent),
    epoch: task.epoch,
    claimable: status.state === 'queued' && status.notBefore <= now ? 1 : 0,
    wake_at: wakeAt(status, row.run_at, now),
    expire_at: expiresWaiting(status) ? task.terms.expiresAt : null,
    queued_at: queuedNow ? now : row.queued_at,
    ended_at: isTerminal(task) ? (row.ended_at ?? now) : null,
  }
}

function reasonOf(status: Status): string | null {
  if (status.state === 'failed') return status.reason
  if (status.state === 'queued' || status.state === 'parked') return status.why
  return status.state === 'waiting' ? status.on.join(',') : null
}

function wakeAt(status: Status, runAt: number | null, now: number): number | null {
  if (status.state === 'parked') return status.until
  if (status.state === 'queued') return status.notBefore > now ? status.notBefore : null
  return status.state === 'waiting' && runAt !== null && runAt > now ? runAt : null
}

function expiresWaiting(status: Status): boolean {
  return status.state === 'waiting' || status.state === 'queued' || status.state === 'parked'
}

/** PostgreSQL takes all rows in one statement; SQLite is faster with one prepared statement many times. */
function* updateTasks(tx: Tx, changes: readonly (readonly [Change, Live])[]): Work<void> {
  if (changes.length === 0) return
  if (tx.dialect === 'postgres') {
    const rows = changes.map(([{ before }, live]) => ({ ...live, id: before.row.id, expected: before.row.version }))
    return expectChanged(rows.length, yield* changeBy(tx, updateMany(JSON.stringify(rows))))
  }
  for (const [{ before }, live] of changes) {
    const { id, version } = before.row
    expectChanged(1, yield* updateRow(tx, 'tasks', { id, version }, differing(live, before.row)))
  }
}

/** What is written although it is the same costs as much as what is not: SQLite makes the entries of its indexes anew. */
function differing<R extends object>(after: R, before: R): Partial<R> {
  const set: Partial<R> = {}
  for (const column of Object.keys(after) as (keyof R)[]) // its own keys
    if (after[column] !== before[column]) set[column] = after[column]
  return set
}

function updateMany(rows: string) {
  return sql`update tasks t set version = v.version, state = v.state, reason = v.reason, verdict = v.verdict,
      status = v.status, spent = v.spent, epoch = v.epoch, claimable = v.claimable, wake_at = v.wake_at,
      expire_at = v.expire_at, queued_at = v.queued_at, ended_at = v.ended_at
    from json_to_recordset(${rows}::json) as v(id text, expected bigint, version bigint, state text, reason text,
      verdict text, status text, spent text, epoch bigint, claimable bigint, wake_at bigint, expire_at bigint,
      queued_at bigint, ended_at bigint)
    where t.id = v.id and t.version = v.expected`
}

function expectChanged(wanted: number, changed: number): void {
  if (changed !== wanted) throw new VersionConflict('another transaction changed the task first')
}

interface MovedRow {
  readonly old: AttemptRow
  readonly row: AttemptRow
}

/** Attempts change only when the state machine made a new object of them, or a report came. */
function movedRows(before: Loaded, rows: readonly AttemptRow[]): MovedRow[] {
  return before.attemptRows.flatMap((old, i) => {
    const row = rows[i]
    return row === undefined || row === old ? [] : [{ old, row }]
  })
}

function* updateAttempts(tx: Tx, moved: readonly MovedRow[]): Work<void> {
  if (tx.dialect === 'postgres' && moved.length > 1) {
    yield* changeBy(tx, updateManyAttempts(JSON.stringify(moved.map(({ row }) => row))))
  } else {
    for (const { old, row } of moved) {
      const set = differing(row, old)
      if (Object.keys(set).length > 0) yield* updateRow(tx, 'attempts', { id: row.id }, set)
    }
  }
  for (const { old, row } of moved) if (row.asks === 0 && old.asks > 0) yield* closeRequests(tx, row.id)
}

/** All that a step of the state machine or a report can change of an attempt. */
function updateManyAttempts(rows: string) {
  return sql`update attempts a set state = v.state, ownership = v.ownership, reason = v.reason, ended_at = v.ended_at,
      ending = v.ending, open = v.open, leased = v.leased, asks = v.asks, asks_since = v.asks_since,
      waited_ms = v.waited_ms,
      running_at = v.running_at, timeout_at = v.timeout_at, outcome = v.outcome, session_ref = v.session_ref
    from json_to_recordset(${rows}::json) as v(id text, state text, ownership text, reason text, ended_at bigint,
      ending text, open bigint, leased bigint, asks bigint, asks_since bigint, waited_ms bigint, running_at bigint, timeout_at bigint,
      outcome text, session_ref text)
    where a.id = v.id`
}

/** An attempt that ended, or is being stopped, asks nobody anything any more. */
function closeRequests(tx: Tx, attemptId: string): Work<number> {
  const update = tx.db.updateTable('requests').set({ state: 'closed' })
  return change(update.where('attempt_id', '=', attemptId).where('state', '=', 'open').compile())
}

function attemptRowOf(each: Change, attempt: Attempt, i: number, now: number): AttemptRow {
  const old = each.before.attemptRows[i]
  if (old === undefined) return newAttemptRow(each, attempt)
  const { report } = each
  const reported = report?.attemptId === attempt.id && old.outcome === null ? report : null // the first report counts
  const row = reported === null ? old : { ...old, outcome: reported.outcome, session_ref: reported.sessionRef }
  return attempt === each.before.task.attempts[i] ? row : movedRow(each, row, attempt, now)
}

function movedRow({ before }: Change, old: AttemptRow, attempt: Attempt, now: number): AttemptRow {
  if (!isOpen(attempt)) {
    const { state, reason, detail, endedAt, endedBy } = attempt
    const ending = JSON.stringify({ reason, detail, endedBy })
    const over = { open: 0, leased: 0, ...askingNoMore(old, now) } as const
    return { ...old, state, ownership: null, reason, ended_at: endedAt, ending, ...over }
  }
  const { state, ownership } = attempt
  const starts = state === 'running' && old.running_at === null
  const limitMs = starts ? before.doc.spec.runningTimeoutMs : 0
  return {
    ...old,
    state,
    ownership,
    leased: leasedFlag(attempt),
    ...(ownership === 'stopping' ? askingNoMore(old, now) : {}),
    running_at: starts ? now : old.running_at,
    timeout_at: limitMs > 0 ? now + limitMs : old.timeout_at,
  }
}

/** Its requests are closed; the time that they stood open counts. */
function askingNoMore(
  { asks, asks_since, waited_ms }: AttemptRow,
  now: number,
): Pick<AttemptRow, 'asks' | 'waited_ms'> {
  return { asks: 0, waited_ms: asks > 0 && asks_since !== null ? waited_ms + Math.max(0, now - asks_since) : waited_ms }
}

function leasedFlag(attempt: Attempt): Flag {
  return isOpen(attempt) && attempt.ownership !== 'lapsed' ? 1 : 0
}

function newAttemptRow({ before, claim }: Change, attempt: Attempt): AttemptRow {
  if (claim === undefined || !isOpen(attempt)) throw new Error(`${attempt.id} appeared without a claim`)
  return {
    id: attempt.id,
    task_id: before.row.id,
    team_id: before.row.team_id,
    n: attempt.n,
    epoch: attempt.epoch,
    daemon_id: attempt.daemonId,
    daemon_name: claim.daemonName,
    profile_id: claim.profileId,
    profile_cid: claim.profileCid,
    claimed_at: attempt.claimedAt,
    state: attempt.state,
    ownership: attempt.ownership,
    reason: null,
    ended_at: null,
    ending: null,
    open: 1,
    leased: 1,
    asks: 0,
    asks_since: null,
    waited_ms: 0,
    harness: null,
    harness_version: null,
    model: null,
    containment: null,
    takes_messages: null,
    session_ref: null,
    running_at: null,
    timeout_at: null,
    lease_until: claim.leaseUntil,
    last_heartbeat_at: null,
    last_event_at: null,
    event_count: 0,
    outcome: null,
    salvaged: 0,
  }
}

function tell(tx: Tx, each: Change, saved: Loaded | undefined): void {
  if (saved === undefined || each.entries.length === 0) return
  const { row } = saved
  tx.notify({ kind: 'task', teamId: row.team_id, taskId: row.id, state: row.state })
  if (row.claimable === 1 && each.before.row.claimable === 0) tx.notify({ kind: 'claimable', laneId: row.lane_id })
}

// Writes what the state machine decided: the task's row, its attempts, its log, in the caller's transaction, and the notes that follow.

import { sql } from 'kysely'
import type { Attempt } from '../core/attempt.ts'
import { isOpen } from '../core/attempt.ts'
import type { LogEntry } from '../core/log-entry.ts'
import type { Status, Task } from '../core/task.ts'
import { isTerminal } from '../core/task.ts'
import type { Cause, Tx, Work } from './port.ts'
import { change, changeBy, parseJson } from './query.ts'
import type { Flag } from './schema.ts'
import type { AttemptRow, Loaded, TaskDoc, TaskRow } from './task-rows.ts'
import { insertRows, updateRow } from './text.ts'

/** One task's step from what was loaded to what is now so. */
export interface Change {
  readonly before: Loaded
  readonly after: Task
  readonly entries: readonly LogEntry[]
  readonly cause: Cause
  /** With a claim: what the new attempt's row says beside the state machine's part. */
  readonly claim?: ClaimFacts
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
  for (const each of changes) {
    const attemptRows = each.after.attempts.map((attempt, i) => attemptRowOf(each, attempt, i, tx.now))
    born.push(...attemptRows.slice(each.before.attemptRows.length))
    yield* updateAttempts(tx, each.before, attemptRows)
    saved.push({ row: { ...each.before.row, ...lives.get(each) }, attemptRows, task: each.after })
  }
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
    expectChanged(1, yield* updateRow(tx, 'tasks', { id, version }, live))
  }
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

/** Attempts change only when the state machine made a new object of them. */
function* updateAttempts(tx: Tx, before: Loaded, rows: readonly AttemptRow[]): Work<void> {
  for (const [i, old] of before.attemptRows.entries()) {
    const row = rows[i]
    if (row === undefined || row === old) continue
    const { state, ownership, reason, ended_at, ending, open, leased, running_at, timeout_at, asks } = row
    const set = { state, ownership, reason, ended_at, ending, open, leased, running_at, timeout_at, asks }
    yield* updateRow(tx, 'attempts', { id: row.id }, set)
    if (row.open === 0 && old.asks > 0) yield* closeRequests(tx, row.id)
  }
}

/** An attempt that ended asks nobody anything any more. */
function closeRequests(tx: Tx, attemptId: string): Work<number> {
  const update = tx.db.updateTable('requests').set({ state: 'closed' })
  return change(update.where('attempt_id', '=', attemptId).where('state', '=', 'open').compile())
}

function attemptRowOf(each: Change, attempt: Attempt, i: number, now: number): AttemptRow {
  const old = each.before.attemptRows[i]
  if (old === undefined) return newAttemptRow(each, attempt)
  if (attempt === each.before.task.attempts[i]) return old
  if (!isOpen(attempt)) {
    const { state, reason, detail, endedAt, endedBy } = attempt
    const ending = JSON.stringify({ reason, detail, endedBy })
    return { ...old, state, ownership: null, reason, ended_at: endedAt, ending, open: 0, leased: 0, asks: 0 }
  }
  const { state, ownership } = attempt
  const starts = state === 'running' && old.running_at === null
  const limitMs = starts ? parseJson<TaskDoc>(each.before.row.doc).spec.runningTimeoutMs : 0
  return {
    ...old,
    state,
    ownership,
    leased: leasedFlag(attempt),
    running_at: starts ? now : old.running_at,
    timeout_at: limitMs > 0 ? now + limitMs : old.timeout_at,
  }
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
    harness: null,
    harness_version: null,
    model: null,
    containment: null,
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

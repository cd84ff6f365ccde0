// What time alone changes: leases, grace, time limits, backoffs, quotas, pins, expiry. Done in bounded batches by whoever leads.

import { sql } from 'kysely'
import type { AttemptId } from '../core/id.ts'
import type { RetryPolicy } from '../core/retry.ts'
import { openAttempt } from '../core/task.ts'
import { formatDuration } from '../lib/duration.ts'
import type { Cause, TaskRecord, Tx, Work } from './port.ts'
import { change, changeBy, parseJson, rowsOf } from './query.ts'
import { expireRequests } from './requests.ts'
import type { StepCommand } from './step.ts'
import type { AttemptRow, Loaded, TaskDoc, TaskRow } from './task-rows.ts'
import { lockTask, recordsOf } from './task-rows.ts'
import { move } from './transition.ts'
import { reconsider } from './waiters.ts'

export interface SweepTerms {
  /** At most so many of each kind; call again while `total` says that a batch was full. */
  readonly limit: number
  /** How long the owner of a lapsed lease may still come back before the task is queued again, ms. */
  readonly graceMs: number
  readonly policy: RetryPolicy
}

/** How many of each were due and done. */
export interface Swept {
  readonly leases: number
  readonly timeouts: number
  readonly wakes: number
  readonly pins: number
  readonly expired: number
  readonly requests: number
  readonly total: number
}

const cause: Cause = { actor: 'server', cause: 'sweep' }

/** Does what is due now. Each step checks again under the task's lock that it still is. */
export function* sweep(tx: Tx, terms: SweepTerms): Work<Swept> {
  const requests = (yield* expireRequests(tx, terms.limit)).length
  const leases = yield* sweepLeases(tx, terms)
  const timeouts = yield* sweepTimeouts(tx, terms)
  const expired = yield* sweepExpired(tx, terms)
  const pins = yield* sweepPins(tx, terms)
  const wakes = (yield* sweepBackoffs(tx, terms)) + (yield* sweepWakes(tx, terms))
  const total = leases + timeouts + wakes + pins + expired + requests
  return { leases, timeouts, wakes, pins, expired, requests, total }
}

/** When something is due next, ms since the epoch; null: nothing is. It may be in the past: sweep now. */
export function* nextDue(tx: Tx): Work<number | null> {
  const [row] = yield* rowsOf(
    tx,
    sql<Record<string, number | null>>`select
      (select min(lease_until) from attempts where leased = 1) as leases,
      (select min(timeout_at) from attempts where open = 1 and leased = 0 and asks = 0) as timeouts,
      (select min(wake_at) from tasks where wake_at is not null) as wakes,
      (select min(expire_at) from tasks where expire_at is not null) as expiries,
      (select min(pin_until) from tasks where pin_until is not null) as pins,
      (select min(expires_at) from requests where state = 'open') as requests`,
  )
  const times = Object.values(row ?? {}).filter((at) => at !== null)
  return times.length === 0 ? null : Math.min(...times)
}

/**
 * The server's own downtime does not count: every open lease runs `ttlMs + graceMs` from now, and every grace starts anew. Called by the
 * leader before its first sweep. Gives the number of leases.
 */
export function* renewAllLeases(tx: Tx, ttlMs: number, graceMs: number): Work<number> {
  const until = tx.now + ttlMs + graceMs
  yield* changeBy(
    tx,
    sql`update tasks set wake_at = ${until} where state = 'parked' and reason = 'host_offline'
      and wake_at is not null and wake_at < ${until}`,
  )
  // An owner that was away with the server must be able to deliver before its time is judged.
  yield* changeBy(
    tx,
    sql`update attempts set timeout_at = ${until} where open = 1 and leased = 0 and timeout_at < ${until}`,
  )
  return yield* changeBy(
    tx,
    sql`update attempts set lease_until = ${until} where leased = 1 and lease_until < ${until}`,
  )
}

/** The time of day jumped by so much; agents did not work in that time. Gives the number of time limits moved. */
export function* shiftTimeouts(tx: Tx, byMs: number): Work<number> {
  const by = Math.round(byMs)
  return yield* changeBy(
    tx,
    sql`update attempts set timeout_at = timeout_at + ${by} where open = 1 and timeout_at is not null`,
  )
}

/**
 * The database's clock was set back: what was to end soon would end late by as much. No open lease and no grace runs beyond `untilMs` from now.
 * Gives the number of leases.
 */
export function* capLeases(tx: Tx, untilMs: number): Work<number> {
  const until = tx.now + untilMs
  yield* changeBy(
    tx,
    sql`update tasks set wake_at = ${until} where state = 'parked' and reason = 'host_offline' and wake_at > ${until}`,
  )
  return yield* changeBy(
    tx,
    sql`update attempts set lease_until = ${until} where leased = 1 and lease_until > ${until}`,
  )
}

/** Tasks whose host is not heard and that asked for `failover: fast`. */
export function* hurriedTasks(tx: Tx, limit: number): Work<TaskRecord[]> {
  const rows = yield* rowsOf(
    tx,
    sql<TaskRow>`select t.*, l.needs from tasks t join lanes l on l.id = coalesce(t.fallback_lane_id, t.lane_id)
      where t.wake_at is not null and t.state = 'parked' and t.reason = 'host_offline'
        and t.doc like '%"failover":"fast"%' order by t.wake_at limit ${limit}`,
  )
  // The words may also stand in the task's own input.
  return (yield* recordsOf(tx, rows)).filter((record) => record.spec.failover === 'fast')
}

/** Queues a parked task before its grace is over. False: its host was heard meanwhile. */
export function* endGraceNow(tx: Tx, taskId: string, attemptId: AttemptId, policy: RetryPolicy): Work<boolean> {
  const loaded = yield* lockTask(tx, taskId)
  if (loaded === null) return false
  const failover: Cause = { actor: 'server', cause: 'failover' }
  const moved = yield* move(tx, loaded, { type: 'end_grace', attemptId }, { cause: failover, policy })
  return moved.is === 'done' && moved.entries.length > 0
}

function* sweepLeases(tx: Tx, terms: SweepTerms): Work<number> {
  const due = yield* rowsOf(
    tx,
    sql<AttemptRef>`select id, task_id from attempts where leased = 1 and lease_until <= ${tx.now}
      order by lease_until limit ${terms.limit}`,
  )
  return yield* forEachAttempt(tx, due, terms, (row) => {
    if (row.leased === 0 || row.lease_until === null || row.lease_until > tx.now) return null
    if (row.state === 'preparing' && row.last_heartbeat_at === null) {
      return (attemptId) => ({ type: 'dispatch_expire', attemptId })
    }
    return (attemptId) => ({ type: 'lapse', attemptId, graceUntil: tx.now + terms.graceMs })
  })
}

function* sweepTimeouts(tx: Tx, terms: SweepTerms): Work<number> {
  const due = yield* rowsOf(
    tx,
    sql<AttemptRef>`select id, task_id from attempts where open = 1 and leased = 0 and asks = 0
      and timeout_at <= ${tx.now} order by timeout_at limit ${terms.limit}`,
  )
  return yield* forEachAttempt(tx, due, terms, (row, loaded) => {
    if (row.leased === 1 || row.asks > 0 || row.timeout_at === null || row.timeout_at > tx.now) return null
    const limitMs = parseJson<TaskDoc>(loaded.row.doc).spec.runningTimeoutMs
    const detail = `its ${formatDuration(limitMs)} were over while the host was not heard`
    return (attemptId) => ({ type: 'time_out', attemptId, detail })
  })
}

interface AttemptRef {
  readonly id: string
  readonly task_id: string
}

type MakeCommand = (attemptId: AttemptId) => StepCommand

/** Locks each attempt's task, asks what is to be done now that it cannot change, and does it. */
function* forEachAttempt(
  tx: Tx,
  due: readonly AttemptRef[],
  { policy }: SweepTerms,
  judge: (row: AttemptRow, loaded: Loaded) => MakeCommand | null,
): Work<number> {
  for (const { id, task_id } of due) {
    const loaded = yield* lockTask(tx, task_id)
    const row = loaded?.attemptRows.at(-1)
    const attempt = loaded === null ? null : openAttempt(loaded.task)
    if (loaded === null || attempt === null || row === undefined || attempt.id !== id) continue
    const command = judge(row, loaded)
    if (command !== null) yield* move(tx, loaded, command(attempt.id), { cause, policy })
  }
  return due.length
}

function* sweepExpired(tx: Tx, { limit, policy }: SweepTerms): Work<number> {
  const due = sql<{ id: string }>`select id from tasks where expire_at is not null and expire_at <= ${tx.now}
    order by expire_at limit ${limit}`
  const rows = yield* rowsOf(tx, due)
  for (const { id } of rows) {
    const loaded = yield* lockTask(tx, id)
    if (loaded === null) continue
    const moved = yield* move(tx, loaded, { type: 'expire' }, { cause, policy })
    // It began meanwhile. Its column is written with each step, so this one is stale: it must not come up again.
    if (moved.is === 'refused') yield* changeBy(tx, sql`update tasks set expire_at = null where id = ${id}`)
  }
  return rows.length
}

/** A pin that lapsed: the task moves to the lane that any fitting daemon reads. */
function* sweepPins(tx: Tx, { limit }: SweepTerms): Work<number> {
  const moved = yield* rowsOf(
    tx,
    sql<{ lane_id: number; claimable: number }>`update tasks set lane_id = coalesce(fallback_lane_id, lane_id),
        fallback_lane_id = null, pin_until = null, sticky_daemon = null
      where id in (select id from tasks where pin_until is not null and pin_until <= ${tx.now}
        order by pin_until limit ${limit} ${skipLocked(tx)}) returning lane_id, claimable`,
  )
  for (const { lane_id, claimable } of moved) if (claimable === 1) tx.notify({ kind: 'claimable', laneId: lane_id })
  return moved.length
}

/** Backoffs that are over: nothing happened to the task, it only may be claimed from now on. */
function* sweepBackoffs(tx: Tx, { limit }: SweepTerms): Work<number> {
  const freed = yield* rowsOf(
    tx,
    sql<{ lane_id: number }>`update tasks set claimable = 1, wake_at = null
      where id in (select id from tasks where wake_at is not null and wake_at <= ${tx.now} and state = 'queued'
        order by wake_at limit ${limit} ${skipLocked(tx)}) returning lane_id`,
  )
  for (const { lane_id } of freed) tx.notify({ kind: 'claimable', laneId: lane_id })
  return freed.length
}

/** Quotas and graces that are over, and tasks whose runAt has come. */
function* sweepWakes(tx: Tx, { limit, policy }: SweepTerms): Work<number> {
  const due = sql<{ id: string }>`select id from tasks where wake_at is not null and wake_at <= ${tx.now}
    and state <> 'queued' order by wake_at limit ${limit}`
  const rows = yield* rowsOf(tx, due)
  for (const { id } of rows) {
    const loaded = yield* lockTask(tx, id)
    if (loaded === null || loaded.row.wake_at === null || loaded.row.wake_at > tx.now) continue
    const command = wakeCommand(loaded)
    if (command !== null) {
      const moved = yield* move(tx, loaded, command, { cause, policy })
      if (moved.is === 'done' && moved.entries.length > 0) continue
    }
    // Whatever else it waits for will call it; this time is used up.
    yield* change(tx.db.updateTable('tasks').set({ wake_at: null }).where('id', '=', id).compile())
    if (loaded.row.state === 'waiting') yield* reconsider(tx, id, cause, policy)
  }
  return rows.length
}

function wakeCommand({ task }: Loaded): StepCommand | null {
  if (task.status.state !== 'parked') return null
  if (task.status.why === 'quota') return { type: 'quota_over' }
  const attempt = openAttempt(task)
  return attempt === null ? null : { type: 'end_grace', attemptId: attempt.id }
}

function skipLocked(tx: Tx) {
  return tx.dialect === 'postgres' ? sql`for update skip locked` : sql``
}

// Attempts at work: what heartbeats renew, what a daemon owns, what a run reported about itself.

import { sql } from 'kysely'
import type { RetryPolicy } from '../core/retry.ts'
import { defaultRetryPolicy } from '../core/retry.ts'
import { leaseBounds } from '../protocol/fleet.ts'
import type { RunReport } from '../protocol/link.ts'
import type { Claimant } from './owners.ts'
import { attemptRow, granted, leaseLost, ownerOf } from './owners.ts'
import type { TaskRecord, Tx, Work } from './port.ts'
import { change, rowsOf } from './query.ts'
import type { AttemptRow, TaskRow } from './task-rows.ts'
import { lockTask, recordsOf } from './task-rows.ts'
import { move } from './transition.ts'

export interface Heard {
  /** Attempt ids whose lease was renewed. */
  readonly renewed: readonly string[]
  readonly lost: readonly { readonly attemptId: string; readonly detail: string }[]
  /** Renewed too, but their task was cancelled: the daemon is to stop them and report. */
  readonly cancelled: readonly string[]
}

/**
 * Renews the leases of the attempts a daemon names. Writes no log, unless a run's first sign of life starts it or brings it back from a
 * lapsed lease. In the steady state: one read and one write, however many runs.
 */
export function* heartbeat(
  tx: Tx,
  daemonId: string,
  runs: readonly RunReport[],
  { leaseMs, mostMs = leaseMs, policy = defaultRetryPolicy }: LeaseTerms,
): Work<Heard> {
  const { missed, ...first } = yield* hearOnce(tx, daemonId, runs, { leaseMs, mostMs, policy })
  if (missed.length === 0) return first
  // Their leases lapsed between our look and the renewal: the second look sees that and takes them back.
  const second = yield* hearOnce(tx, daemonId, missed, { leaseMs, mostMs, policy })
  return {
    renewed: [...first.renewed, ...second.renewed],
    lost: [...first.lost, ...second.lost],
    cancelled: [...first.cancelled, ...second.cancelled],
  }
}

interface LeaseTerms {
  /** Of a run that asks for none of its own. */
  readonly leaseMs: number
  /** A run may ask for no longer one. */
  readonly mostMs?: number
  readonly policy?: RetryPolicy
}

type Terms = Required<LeaseTerms>

function* hearOnce(
  tx: Tx,
  daemonId: string,
  runs: readonly RunReport[],
  terms: Terms,
): Work<Heard & { readonly missed: readonly RunReport[] }> {
  if (runs.length === 0) return { renewed: [], lost: [], cancelled: [], missed: [] }
  const rows = new Map((yield* rowsNamed(tx, runs)).map((row) => [row.id, row]))
  const lost: { attemptId: string; detail: string }[] = []
  const owned: RunReport[] = []
  for (const run of runs) {
    const { attemptId, epoch } = run
    const claimant = { daemonId, attemptId, epoch }
    const row = rows.get(attemptId) ?? null
    const theirs =
      granted(row, claimant) && row.open === 1 && (yield* follow(tx, { row, run, claimant, policy: terms.policy }))
    if (theirs) owned.push(run)
    else lost.push({ attemptId, detail: leaseLost(yield* attemptRow(tx, attemptId), claimant).detail })
  }
  const renewed = yield* renewAll(tx, owned, terms)
  const ids = new Set(renewed.map((row) => row.id))
  const cancelled = renewed.filter((row) => row.ownership === 'stopping').map((row) => row.id)
  return { renewed: [...ids], lost, cancelled, missed: owned.filter((run) => !ids.has(run.attemptId)) }
}

/** Records of the tasks whose open attempt is this daemon's. */
export function* openAttemptsOf(tx: Tx, daemonId: string): Work<TaskRecord[]> {
  const rows = yield* rowsOf(
    tx,
    sql<TaskRow>`select t.*, l.needs from tasks t join lanes l on l.id = coalesce(t.fallback_lane_id, t.lane_id)
      where t.id in (select task_id from attempts where daemon_id = ${daemonId} and open = 1) order by t.seq`,
  )
  return yield* recordsOf(tx, rows)
}

/** The task that an attempt belongs to, with all its attempts; null when there is no such attempt. */
export function* taskOfAttempt(tx: Tx, attemptId: string): Work<TaskRecord | null> {
  const rows = yield* rowsOf(
    tx,
    sql<TaskRow>`select t.*, l.needs from tasks t join lanes l on l.id = coalesce(t.fallback_lane_id, t.lane_id)
      where t.id = (select task_id from attempts where id = ${attemptId})`,
  )
  return (yield* recordsOf(tx, rows))[0] ?? null
}

function rowsNamed(tx: Tx, runs: readonly RunReport[]): Work<AttemptRow[]> {
  return rowsOf(tx, sql<AttemptRow>`select * from attempts where id in (${sql.join(runs.map((run) => run.attemptId))})`)
}

interface Following {
  readonly row: AttemptRow
  readonly run: RunReport
  readonly claimant: Claimant
  readonly policy: RetryPolicy
}

/** Brings the attempt to what the run says of itself. False: another transaction ended it meanwhile. */
function* follow(tx: Tx, { row, run, claimant, policy }: Following): Work<boolean> {
  if (factsDiffer(row, run)) yield* writeFacts(tx, run)
  const starts = row.state === 'preparing' && run.phase !== 'preparing' && row.ownership !== 'stopping'
  if (!starts && row.ownership !== 'lapsed') return true
  const loaded = yield* lockTask(tx, row.task_id)
  if (loaded === null) return false
  const command = { type: starts ? 'start' : 'hear', owner: ownerOf(claimant) } as const
  const cause = { actor: `daemon:${row.daemon_name}`, cause: 'heartbeat' }
  const moved = yield* move(tx, loaded, command, { cause, policy })
  return moved.is === 'done'
}

/** Mostly one lease for all. A shorter one than the server's least would be lost to one hiccup. */
function* renewAll(tx: Tx, runs: readonly RunReport[], { leaseMs, mostMs }: Terms): Work<AttemptRow[]> {
  const leaseOf = ({ leaseTtlMs }: RunReport) =>
    leaseTtlMs === undefined ? leaseMs : Math.min(mostMs, Math.max(Math.min(leaseBounds.leastMs, leaseMs), leaseTtlMs))
  const renewed: AttemptRow[] = []
  for (const [ms, some] of Map.groupBy(runs, leaseOf)) renewed.push(...(yield* renew(tx, some, ms)))
  return renewed
}

/** One statement for all runs of one lease. An attempt whose lease lapsed between our look and now is left out: the next heartbeat finds it so. */
function renew(tx: Tx, runs: readonly RunReport[], leaseMs: number): Work<AttemptRow[]> {
  return rowsOf(
    tx,
    sql<AttemptRow>`update attempts set lease_until = ${tx.now + leaseMs}, last_heartbeat_at = ${tx.now}
      where leased = 1 and id in (${sql.join(runs.length === 0 ? [''] : runs.map((run) => run.attemptId))}) returning *`,
  )
}

function factsDiffer(row: AttemptRow, run: RunReport): boolean {
  return (
    (run.harness !== null && run.harness !== row.harness) ||
    (run.harnessVersion !== null && run.harnessVersion !== row.harness_version) ||
    (run.model !== null && run.model !== row.model) ||
    (run.containment !== null && run.containment !== row.containment) ||
    (run.takesMessages ?? false) !== (row.takes_messages === 1)
  )
}

/** What the run knows replaces what was known; what it does not know stays. */
function writeFacts(tx: Tx, run: RunReport): Work<number> {
  const known = Object.entries({
    harness: run.harness,
    harness_version: run.harnessVersion,
    model: run.model,
    containment: run.containment,
    takes_messages: run.takesMessages === true ? 1 : 0,
  }).filter(([, value]) => value !== null)
  return change(tx.db.updateTable('attempts').set(Object.fromEntries(known)).where('id', '=', run.attemptId).compile())
}

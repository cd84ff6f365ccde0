// Who may speak for an attempt: the daemon and epoch its claim was granted with.

import type { Refusal } from '../core/command.ts'
import type { AttemptId, DaemonId } from '../core/id.ts'
import type { Owner } from '../core/task.ts'
import { attemptColumns } from './columns.ts'
import type { Tx, Work } from './port.ts'
import { parseJsonOrNull, rowsOf } from './query.ts'
import type { AttemptRow } from './task-rows.ts'
import { forUpdate, piece, text } from './text.ts'

/** A claim as a daemon's message names it. */
export interface Claimant {
  readonly daemonId: string
  readonly attemptId: string
  readonly epoch: number
}

/** The attempt's row, without a lock. */
export function* attemptRow(tx: Tx, attemptId: string): Work<AttemptRow | null> {
  const rows = yield* rowsOf(
    tx,
    text<AttemptRow>`select ${piece(attemptColumns)} from attempts where id = ${attemptId}`,
  )
  return rows[0] ?? null
}

/** The attempt's row, locked until the transaction ends. Lock the task first if it will be needed. */
export function* lockAttempt(tx: Tx, attemptId: string): Work<AttemptRow | null> {
  const rows = yield* rowsOf(
    tx,
    text<AttemptRow>`select ${piece(attemptColumns)} from attempts where id = ${attemptId} ${forUpdate(tx)}`,
  )
  return rows[0] ?? null
}

/** True when the attempt was granted to this claimant: also after it ended. */
export function granted(row: AttemptRow | null, claimant: Claimant): row is AttemptRow {
  return row !== null && row.daemon_id === claimant.daemonId && row.epoch === claimant.epoch
}

/** True when the claimant owns the attempt now, or ended it itself: its words about it still count. */
export function speaksFor(row: AttemptRow | null, claimant: Claimant): row is AttemptRow {
  if (!granted(row, claimant)) return false
  return row.open === 1 || parseJsonOrNull<{ endedBy: string }>(row.ending)?.endedBy === 'owner'
}

/** What to tell a claimant that does not. */
export function leaseLost(row: AttemptRow | null, claimant: Claimant): Refusal {
  if (!granted(row, claimant)) {
    const detail = `${claimant.attemptId} at epoch ${claimant.epoch} is not an attempt this daemon owns`
    return { code: 'lease_lost', detail }
  }
  const why = parseJsonOrNull<{ detail: string }>(row.ending)?.detail ?? ''
  return { code: 'lease_lost', detail: `${row.id} ended as ${row.state}${why === '' ? '' : `: ${why}`}` }
}

/** The claimant as the state machine's owner. */
export function ownerOf({ attemptId, epoch, daemonId }: Claimant): Owner {
  // Only compared with what was granted; a text of another shape equals none.
  return { attemptId: attemptId as AttemptId, epoch, daemonId: daemonId as DaemonId }
}

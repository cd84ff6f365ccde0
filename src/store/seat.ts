// A session's seat: the host where its conversation lives. What goes on with it is that host's first.

import { sql } from 'kysely'
import type { Requirements } from '../core/routing.ts'
import { laneFor } from './lanes.ts'
import type { Tx, Work } from './port.ts'
import { changeBy, parseJsonOrNull, rowsOf } from './query.ts'

/** How long a continuation waits for the host of its session, ms; then any host that fits may take it. */
export const stickyMs = 60_000

interface SeatRow {
  readonly daemon_id: string
  readonly outcome: string | null
  readonly drains: number
}

/** The daemon that ran the task last; null when none did, or when it takes no more work and its conversation can be had elsewhere. */
export function* seatOf(tx: Tx, taskId: string): Work<string | null> {
  const last = sql<SeatRow>`select a.daemon_id, a.outcome, d.drain_asked + d.draining as drains
    from attempts a join daemons d on d.id = a.daemon_id where a.task_id = ${taskId} order by a.n desc limit 1`
  const [row] = yield* rowsOf(tx, last)
  if (row === undefined) return null
  const { sessionCid = null } = parseJsonOrNull<{ sessionCid?: string | null }>(row.outcome) ?? {}
  return Number(row.drains) > 0 && sessionCid !== null ? null : row.daemon_id
}

/** A continuation that may start now is for the host of its session alone, for a while. Nothing happens when it names its own daemon. */
export function* pinToSeat(
  tx: Tx,
  task: { readonly id: string; readonly needs: Requirements; readonly from: string },
): Work<void> {
  const seat = task.needs.daemon === null ? yield* seatOf(tx, task.from) : null
  if (seat === null) return
  const lane = yield* laneFor(tx, { ...task.needs, daemon: seat })
  const moved = yield* changeBy(
    tx,
    sql`update tasks set fallback_lane_id = lane_id, lane_id = ${lane}, pin_until = ${tx.now + stickyMs},
      sticky_daemon = ${seat} where id = ${task.id} and fallback_lane_id is null and claimable = 1`,
  )
  if (moved > 0) tx.notify({ kind: 'claimable', laneId: lane })
}

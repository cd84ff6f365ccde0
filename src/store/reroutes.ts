// Tasks parked for a spent quota that somebody else may take: found by their lanes, sent back to the queue.

import { sql } from 'kysely'
import type { Requirements } from '../core/routing.ts'
import type { Tx, Work } from './port.ts'
import { parseJson, rowsOf } from './query.ts'
import type { StepContext } from './step.ts'
import { lockTask } from './task-rows.ts'
import { move } from './transition.ts'

export interface ParkedLane {
  readonly laneId: number
  readonly needs: Requirements
}

/** Written by `core/evolve.ts` and nobody else, so the text is exact. */
const stays = '%"stays":true%'

/** The lanes of tasks that a spent quota parks and that do not stay. Cheap when there are none. */
export function* lanesParkedForQuota(tx: Tx): Work<ParkedLane[]> {
  const rows = yield* rowsOf(
    tx,
    sql<{ id: number; needs: string }>`select l.id, l.needs from lanes l where l.id in (
      select coalesce(t.fallback_lane_id, t.lane_id) from tasks t
        where t.wake_at is not null and t.state = 'parked' and t.reason = 'quota' and t.status not like ${stays})`,
  )
  return rows.map(({ id, needs }) => ({ laneId: Number(id), needs: parseJson<Requirements>(needs) }))
}

/** Queues up to `limit` of these lanes' tasks before the quota returns, best first. Gives how many. */
export function* reroute(
  tx: Tx,
  lanes: readonly number[],
  { limit, ...context }: StepContext & { readonly limit: number },
): Work<number> {
  if (lanes.length === 0) return 0
  const rows = yield* rowsOf(
    tx,
    sql<{ id: string }>`select id from tasks where wake_at is not null and state = 'parked' and reason = 'quota'
      and status not like ${stays} and coalesce(fallback_lane_id, lane_id) in (${sql.join(lanes)})
      order by priority desc, seq limit ${limit}`,
  )
  let moved = 0
  for (const { id } of rows) {
    const loaded = yield* lockTask(tx, id)
    if (loaded === null) continue
    const done = yield* move(tx, loaded, { type: 'reroute' }, context)
    if (done.is === 'done' && done.loaded.task.status.state === 'queued') moved += 1
  }
  return moved
}

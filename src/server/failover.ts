// Tasks with `failover: fast` whose host is not heard: they skip the grace as soon as another connected daemon fits.

import type { RetryPolicy } from '../core/retry.ts'
import { fitOf } from '../core/routing.ts'
import { openAttempt } from '../core/task.ts'
import { allDaemons } from '../store/daemons.ts'
import type { Tx, Work } from '../store/port.ts'
import { listProfiles } from '../store/profiles.ts'
import { endGraceNow, hurriedTasks } from '../store/sweeps.ts'
import { offerOf } from './service/daemons.ts'

/** Ends the grace of every such task that another host could take now. Gives how many. Cheap when there are none. */
export function* failOver(tx: Tx, { limit, policy }: { limit: number; policy: RetryPolicy }): Work<number> {
  const parked = yield* hurriedTasks(tx, limit)
  if (parked.length === 0) return 0
  const daemons = (yield* allDaemons(tx)).filter((each) => each.connectionId !== null && !each.draining)
  let ended = 0
  for (const { task, needs, teamId } of parked) {
    const lost = openAttempt(task)
    if (lost === null) continue
    const profiles = yield* listProfiles(tx, teamId)
    const others = daemons.filter((each) => each.teamId === teamId && each.id !== lost.daemonId)
    if (!others.some((each) => fitOf(needs, offerOf(each, profiles)).fits)) continue
    if (yield* endGraceNow(tx, task.id, lost.id, policy)) ended += 1
  }
  return ended
}

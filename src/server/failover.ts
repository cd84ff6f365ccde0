// Tasks that go on elsewhere before their time: those whose host is not heard (`failover: fast`), and those that met a spent quota.

import type { RetryPolicy } from '../core/retry.ts'
import { fitOf } from '../core/routing.ts'
import { openAttempt } from '../core/task.ts'
import type { ProfileView } from '../protocol/fleet.ts'
import { allDaemons } from '../store/daemons.ts'
import type { Tx, Work } from '../store/port.ts'
import { listProfiles } from '../store/profiles.ts'
import { lanesParkedForQuota, reroute } from '../store/reroutes.ts'
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

/** Queues tasks that a spent quota parks as soon as a connected daemon could take them: another host, account or harness. Gives how many. */
export function* passQuota(tx: Tx, { limit, policy }: { limit: number; policy: RetryPolicy }): Work<number> {
  const lanes = yield* lanesParkedForQuota(tx)
  if (lanes.length === 0) return 0
  const able = (yield* allDaemons(tx)).filter(
    (each) => each.connectionId !== null && !each.draining && (each.shortOf ?? null) === null,
  )
  const profiles = new Map<string, ProfileView[]>()
  for (const teamId of new Set(able.map((each) => each.teamId))) profiles.set(teamId, yield* listProfiles(tx, teamId))
  const offers = able.map((each) => offerOf(each, profiles.get(each.teamId) ?? []))
  const open = lanes.filter(({ needs }) => offers.some((offer) => fitOf(needs, offer).fits))
  const cause = { actor: 'server', cause: 'quota' }
  return yield* reroute(
    tx,
    open.map(({ laneId }) => laneId),
    { limit, policy, cause },
  )
}

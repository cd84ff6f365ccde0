// Claims: the best tasks of the lanes a daemon fits become its attempts. One seek per lane; never a filter over the queue.

import { decide } from '../core/decide.ts'
import { evolve } from '../core/evolve.ts'
import type { DaemonId } from '../core/id.ts'
import { defaultRetryPolicy } from '../core/retry.ts'
import type { Task } from '../core/task.ts'
import { openAttempt } from '../core/task.ts'
import { makeId } from '../lib/ids.ts'
import type { ProfileView } from '../protocol/fleet.ts'
import { headColumns, taskColumns } from './columns.ts'
import type { Change } from './persist.ts'
import { saveChanges } from './persist.ts'
import type { Claimed, Tx, Work } from './port.ts'
import { profilesById } from './profiles.ts'
import { all, rowsOf } from './query.ts'
import type { Loaded, TaskRow } from './task-rows.ts'
import { lockTasks, toRecords, withLockedAttempts } from './task-rows.ts'
import { piece, text } from './text.ts'
import { settleWaiters } from './waiters.ts'

/** A lane the daemon fits: the profile it would run it with (null: the built-in default) and that profile's place in its order. */
export interface LaneFit {
  readonly laneId: number
  readonly profileId: string | null
  readonly rank: number
}

export interface Claim {
  readonly daemonId: DaemonId
  readonly daemonName: string
  readonly teamId: string
  readonly fits: readonly LaneFit[]
  readonly max: number
  /** Only this task; null: the best of the queue. */
  readonly taskId: string | null
  /** Only tasks that carry it; null or absent: any. */
  readonly correlationId?: string | null
  /** The daemon's first heartbeat must come within this, ms. */
  readonly dispatchMs: number
  /** It has said nothing since its leases ran out: tasks that it let lapse are for others. Default false. */
  readonly unheard?: boolean
}

/** Rounds of looking again when others took what was seen; each round some claimer gets on, so a handful suffices. */
const rounds = 8

/** Grants up to `max` tasks, best first: priority, then the daemon's profile order, then age. */
export function* claimTasks(tx: Tx, claim: Claim): Work<Claimed[]> {
  if (claim.fits.length === 0 || claim.max < 1) return []
  const taken = yield* takeWanted(tx, claim)
  return yield* grant(tx, claim, taken)
}

interface Head {
  readonly id: string
  readonly seq: number
  readonly lane_id: number
  readonly priority: number
}

interface Taken {
  readonly loaded: Loaded
  readonly fit: LaneFit
}

function* takeWanted(tx: Tx, claim: Claim): Work<Taken[]> {
  const { taskId, correlationId } = claim
  if (taskId !== null) return pair(claim, yield* lockTasks(tx, [taskId]))
  if (correlationId == null) return yield* takeBest(tx, claim)
  const found = pair(claim, yield* lockTasks(tx, yield* claimableOf(tx, claim, correlationId)))
  return found.toSorted(order).slice(0, claim.max)
}

/** Few tasks share a correlation id: they are looked up by it, and those of lanes that do not fit fall out after. */
function* claimableOf(tx: Tx, { teamId, fits }: Claim, correlationId: string): Work<string[]> {
  const lanes = fits.map(({ laneId }) => laneId)
  const query = tx.db
    .selectFrom('tasks')
    .select('id')
    .where('team_id', '=', teamId)
    .where('correlation_id', '=', correlationId)
    .where('claimable', '=', 1)
    .where('lane_id', 'in', lanes)
    .orderBy('priority', 'desc')
    .orderBy('seq')
    .limit(mostCorrelated)
  return (yield* all(query.compile())).map(({ id }) => id)
}

/** More than one claim may ask for. */
const mostCorrelated = 100

function* takeBest(tx: Tx, claim: Claim): Work<Taken[]> {
  if (tx.dialect === 'sqlite') {
    const wanted = best(claim, yield* headsByLane(tx, claim), claim.max)
    return pair(
      claim,
      yield* lockTasks(
        tx,
        wanted.map((head) => head.id),
      ),
    )
  }
  const taken: Taken[] = []
  for (let round = 0; round < rounds && taken.length < claim.max; round += 1) {
    const left = claim.max - taken.length
    const heads = yield* headsAtOnce(tx, claim, left, taken)
    if (heads.length === 0) break
    const wanted = best(claim, heads, left)
    let got = pair(claim, yield* lockFree(tx, wanted, taken)).slice(0, left)
    // All that was seen is in other hands. Whoever holds tasks already takes those: two that hold and wait would wait for each other.
    if (got.length === 0 && taken.length > 0) break
    // Waiting for the first of them tells whether it was taken or only looked at.
    const [head] = wanted
    if (got.length === 0 && head !== undefined) got = pair(claim, yield* lockTasks(tx, [head.id]))
    taken.push(...got)
  }
  return taken
}

/** SQLite: one statement per lane, prepared once. */
function* headsByLane(tx: Tx, { fits, max }: Claim): Work<Head[]> {
  const heads: Head[] = []
  for (const { laneId } of fits) {
    const seek = text<Head>`select id, seq, lane_id, priority from tasks where claimable = 1 and lane_id = ${laneId}
      order by priority desc, seq limit ${max}`
    heads.push(...(yield* rowsOf(tx, seek)))
  }
  return heads
}

/** PostgreSQL: the same seeks in one round trip, without what this claim holds already. */
function* headsAtOnce(tx: Tx, { fits }: Claim, max: number, taken: readonly Taken[]): Work<Head[]> {
  const lanes = JSON.stringify(fits.map((fit) => fit.laneId))
  const heads = yield* rowsOf(
    tx,
    text<Head>`select h.id, h.seq, h.lane_id, h.priority from json_array_elements_text(${lanes}::json) lane cross join lateral (
        select id, seq, lane_id, priority from tasks where claimable = 1 and lane_id = lane::bigint
        order by priority desc, seq limit ${max + taken.length}) h`,
  )
  return heads.filter((head) => !holds(taken, head.id))
}

/** Locks what nobody else is taking: per lane as many as are wanted there, which may be others than those seen. One round trip. */
function* lockFree(tx: Tx, wanted: readonly Head[], taken: readonly Taken[]): Work<Loaded[]> {
  // Our own locks are not skipped: room for them, and out with them.
  const lanes = [...Map.groupBy(wanted, (head) => head.lane_id)].map(([lane, heads]) => ({
    lane,
    n: heads.length + taken.length,
  }))
  const rows = yield* rowsOf(
    tx,
    text<TaskRow>`select ${piece(headColumns)}, l.needs from json_to_recordset(${JSON.stringify(lanes)}::json) as w(lane bigint, n bigint)
      cross join lateral (select ${piece(taskColumns)} from tasks t where claimable = 1 and lane_id = w.lane
        order by priority desc, seq limit w.n for update skip locked) h
      join lanes l on l.id = coalesce(h.fallback_lane_id, h.lane_id)`,
  )
  const ours = rows.filter((row) => !holds(taken, row.id))
  return yield* withLockedAttempts(tx, ours)
}

function holds(taken: readonly Taken[], id: string): boolean {
  return taken.some((each) => each.loaded.row.id === id)
}

function best(claim: Claim, heads: readonly Head[], max: number): Head[] {
  const ranks = new Map(claim.fits.map((fit) => [fit.laneId, fit.rank]))
  const rank = (head: Head) => ranks.get(head.lane_id) ?? 0
  return heads.toSorted((a, b) => b.priority - a.priority || rank(a) - rank(b) || a.seq - b.seq).slice(0, max)
}

/** Locked tasks with their lane's fit; drops those that are not (or no longer) to be had. */
function pair(claim: Claim, tasks: readonly Loaded[]): Taken[] {
  const fits = new Map(claim.fits.map((fit) => [fit.laneId, fit]))
  return tasks.flatMap((loaded) => {
    const fit = fits.get(loaded.row.lane_id)
    const free = loaded.row.claimable === 1 && loaded.row.team_id === claim.teamId
    return fit !== undefined && free && !(claim.unheard === true && lapsedOf(claim, loaded)) ? [{ loaded, fit }] : []
  })
}

function lapsedOf({ daemonId }: Claim, { task }: Loaded): boolean {
  const open = openAttempt(task)
  return open !== null && open.ownership === 'lapsed' && open.daemonId === daemonId
}

function* grant(tx: Tx, claim: Claim, taken: readonly Taken[]): Work<Claimed[]> {
  const profiles = yield* profilesById(
    tx,
    taken.flatMap(({ fit }) => fit.profileId ?? []),
  )
  const granted = taken
    .toSorted((a, b) => order(a, b))
    .flatMap((each) => grantOne(tx, claim, each, profiles.get(each.fit.profileId ?? '') ?? null) ?? [])
  const saved = yield* saveChanges(
    tx,
    granted.map((each) => each.change),
  )
  yield* settleWaiters(tx, saved, defaultRetryPolicy)
  const records = yield* toRecords(tx, saved)
  return granted.flatMap(({ profile }, i) => {
    const record = records[i]
    const attempt = record === undefined ? null : openAttempt(record.task)
    if (record === undefined || attempt === null) return []
    const { id: attemptId, n, epoch } = attempt
    return [{ record, attemptId, n, epoch, daemonId: claim.daemonId, profile }]
  })
}

function order(a: Taken, b: Taken): number {
  return b.loaded.row.priority - a.loaded.row.priority || a.fit.rank - b.fit.rank || a.loaded.row.seq - b.loaded.row.seq
}

function grantOne(
  tx: Tx,
  claim: Claim,
  { loaded, fit }: Taken,
  profile: ProfileView | null,
): { change: Change; profile: ProfileView | null } | null {
  const command = { type: 'claim', attemptId: makeId('att', tx.now), daemonId: claim.daemonId } as const
  const decision = decide(loaded.task, command, tx.now)
  if (!decision.ok) return null
  const change: Change = {
    before: loaded,
    after: decision.entries.reduce<Task>(evolve, loaded.task),
    entries: decision.entries,
    cause: { actor: `daemon:${claim.daemonName}`, cause: null },
    claim: {
      daemonName: claim.daemonName,
      profileId: fit.profileId,
      profileCid: profile?.cid ?? null,
      leaseUntil: tx.now + claim.dispatchMs,
    },
  }
  return { change, profile }
}

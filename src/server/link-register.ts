// Registration: who the daemon is, whether it may join, and what each side believes about running attempts.

import { Problem } from '../core/problem.ts'
import { openAttempt } from '../core/task.ts'
import { makeId } from '../lib/ids.ts'
import type { DaemonOffer, PoolView, ProfileView } from '../protocol/fleet.ts'
import type { Assignment, FromDaemonBody, FromDaemonReply } from '../protocol/link.ts'
import { fromDaemon } from '../protocol/link.ts'
import { heartbeat, openAttemptsOf } from '../store/attempts.ts'
import { registerDaemon } from '../store/daemons.ts'
import type { TaskRecord, Tx, Work } from '../store/port.ts'
import { profilesById } from '../store/profiles.ts'
import { openRequestsOf } from '../store/requests.ts'
import { hashSecret, nameOf } from './auth.ts'
import type { Seat } from './dispatch.ts'
import { check } from './input.ts'
import type { Line } from './link-line.ts'
import type { Caller, Plane } from './plane.ts'
import { assignmentOf } from './service/claims.ts'
import { continuationOf } from './service/continuing.ts'
import { offerOf } from './service/daemons.ts'
import { requirePool, requireProfiles } from './service/task-names.ts'
import { leaseTerms } from './settings.ts'

type Register = FromDaemonBody<'register'>

export interface Registered {
  readonly seat: Seat
  readonly reply: FromDaemonReply<'register'>
  /** The daemon was known before. */
  readonly again: boolean
}

/**
 * Registers a daemon and reconciles in one command. Throws `daemon_running`, `unknown_pool`, `unknown_profile`,
 * `pool_connector_mismatch`: a daemon that is refused is told so, it is not connected. Throws `invalid_state` when the line speaks for
 * another daemon already: who has registered as one would go on to speak for its attempts as the other.
 */
export async function register(plane: Plane, line: Line, body: Register): Promise<Registered> {
  const { caller, id: connectionId, session } = line
  const id = makeId('dmn', plane.clock.now())
  return plane.store.run(function* (tx) {
    const { offer, bootId } = body
    const pool = offer.pool === null ? null : yield* requirePool(tx, caller.teamId, offer.pool)
    if (pool !== null) requireConnector(pool, caller)
    const profiles = yield* requireProfiles(tx, caller.teamId, offer.profiles)
    const answer = yield* registerDaemon(tx, {
      id,
      teamId: caller.teamId,
      keyHash: hashSecret(body.key),
      bootId,
      replaces: body.replaces ?? null,
      offer: poolById(offer, pool),
      poolId: pool?.id ?? null,
      profileIds: profiles.map((profile) => profile.id),
      connectionId,
      busyMs: plane.settings.bootGuardMs,
    })
    if (answer.is === 'refused') {
      const { name, pid } = answer.other
      throw new Problem('daemon_running', `daemon ${name} (pid ${pid}) is connected with the same key`)
    }
    const { daemon } = answer
    if (session !== null && session.seat.daemonId !== daemon.id)
      throw new Problem('invalid_state', `this connection speaks for daemon ${session.seat.daemonName}; open another`)
    const reconciled = yield* reconcile(tx, daemon.id, body, plane)
    const seat: Seat = {
      daemonId: daemon.id,
      daemonName: offer.name,
      offer: offerOf(daemon, profiles),
      maxAgents: offer.maxAgents,
      running: body.running.length,
      draining: daemon.draining,
      heardAt: plane.clock.monotonic(),
    }
    const { leaseTtlMs, heartbeatIntervalMs } = plane.settings
    const reply = {
      daemonId: daemon.id,
      teamId: caller.teamId,
      protocol: Math.min(body.protocol, plane.settings.protocol.newest),
      serverVersion: plane.version,
      serverTime: tx.now,
      leaseTtlMs,
      heartbeatIntervalMs,
      ...reconciled,
    }
    return { seat, reply, again: daemon.id !== id }
  })
}

/**
 * Checks the version before anything else: a daemon of another version may say the rest in words that are not known here. Throws
 * `protocol_unsupported` naming both sides, `invalid_request`.
 */
export function checkRegistration(body: unknown, { settings, version }: Plane): Register {
  const { protocol: theirs } = check(fromDaemon.register.input.pick({ protocol: true }), body, 'register')
  const { oldest, newest } = settings.protocol
  if (theirs >= oldest && theirs <= newest) return check(fromDaemon.register.input, body, 'register')
  const ours = oldest === newest ? `${newest}` : `${oldest} to ${newest}`
  throw new Problem('protocol_unsupported', `the daemon speaks ${theirs}; this server (${version}) speaks ${ours}`)
}

/** The token tells who joins: what a daemon says of itself anybody could say. */
function requireConnector({ name, connector }: PoolView, caller: Caller): void {
  const joins = nameOf(caller)
  if (connector === null || connector === joins) return
  const both = `pool ${name} admits ${JSON.stringify(connector)}; this daemon's token is of ${JSON.stringify(joins)}`
  throw new Problem('pool_connector_mismatch', both)
}

/** People write `--only pool=NAME`; a task's needs hold the pool's id. */
function poolById(offer: DaemonOffer, pool: PoolView | null): DaemonOffer {
  if (pool === null || offer.only.pool !== pool.name) return offer
  return { ...offer, only: { ...offer.only, pool: pool.id } }
}

interface Reconciled {
  readonly kept: string[]
  readonly lost: { attemptId: string; detail: string }[]
  readonly cancelled: string[]
  readonly assigned: Assignment[]
  readonly requests: { attemptId: string; requestId: string }[]
}

/** "I run X, Y" against "you own Y, Z". What it runs and owns is renewed like by a heartbeat. */
function* reconcile(tx: Tx, daemonId: string, { running }: Register, plane: Plane): Work<Reconciled> {
  const heard = yield* heartbeat(tx, daemonId, running, leaseTerms(plane.settings))
  const named = new Set(running.map((run) => run.attemptId))
  const others = (yield* openAttemptsOf(tx, daemonId)).filter((record) => {
    const open = openAttempt(record.task)
    return open !== null && open.daemonId === daemonId && !named.has(open.id)
  })
  const stopping = others.filter((record) => openAttempt(record.task)?.ownership === 'stopping')
  const granted = others.filter((record) => !stopping.includes(record))
  return {
    kept: heard.renewed.filter((id) => !heard.cancelled.includes(id)),
    lost: [...heard.lost],
    cancelled: [...heard.cancelled, ...stopping.flatMap((record) => openAttempt(record.task)?.id ?? [])],
    assigned: yield* assignments(tx, granted),
    requests: yield* openRequestsOf(tx, heard.renewed),
  }
}

function* assignments(tx: Tx, records: readonly TaskRecord[]): Work<Assignment[]> {
  const profileIds = records.map((record) => record.attempts.at(-1)?.profileId ?? null)
  const profiles = yield* profilesById(
    tx,
    profileIds.filter((id) => id !== null),
  )
  const found: Assignment[] = []
  for (const [i, record] of records.entries()) {
    const profile: ProfileView | null = profiles.get(profileIds[i] ?? '') ?? null
    const assignment = assignmentOf(record, profile, yield* continuationOf(tx, record))
    if (assignment !== null) found.push(assignment)
  }
  return found
}

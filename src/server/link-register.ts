// Registration: who the daemon is, whether it may join, and what each side believes about running attempts.

import { Problem } from '../core/problem.ts'
import { openAttempt } from '../core/task.ts'
import { makeId } from '../lib/ids.ts'
import type { DaemonOffer, PoolView, ProfileView } from '../protocol/fleet.ts'
import type { Assignment, FromDaemonBody, FromDaemonReply } from '../protocol/link.ts'
import { oldestProtocolVersion, protocolVersion } from '../protocol/link.ts'
import { heartbeat, openAttemptsOf } from '../store/attempts.ts'
import { registerDaemon } from '../store/daemons.ts'
import type { TaskRecord, Tx, Work } from '../store/port.ts'
import { profilesById } from '../store/profiles.ts'
import { hashSecret } from './auth.ts'
import type { Seat } from './dispatch.ts'
import type { Caller, Plane } from './plane.ts'
import { assignmentOf } from './service/claims.ts'
import { offerOf } from './service/daemons.ts'
import { requirePool, requireProfiles } from './service/task-names.ts'

type Register = FromDaemonBody<'register'>

export interface Registered {
  readonly seat: Seat
  readonly reply: FromDaemonReply<'register'>
  /** The daemon was known before. */
  readonly again: boolean
}

/**
 * Registers a daemon and reconciles in one command. Throws `protocol_unsupported`, `daemon_running`, `unknown_pool`, `unknown_profile`,
 * `pool_connector_mismatch`: a daemon that is refused is told so, it is not connected.
 */
export async function register(
  plane: Plane,
  caller: Caller,
  connectionId: string,
  body: Register,
): Promise<Registered> {
  refuseProtocol(body.protocol, plane.version)
  const id = makeId('dmn', plane.clock.now())
  return plane.store.run(function* (tx) {
    const { offer, bootId } = body
    const pool = offer.pool === null ? null : yield* requirePool(tx, caller.teamId, offer.pool)
    if (pool !== null && pool.connector !== null && pool.connector !== offer.identity) {
      const both = `pool ${pool.name} admits ${pool.connector}; this daemon's identity is ${offer.identity}`
      throw new Problem('pool_connector_mismatch', both)
    }
    const profiles = yield* requireProfiles(tx, caller.teamId, offer.profiles)
    const answer = yield* registerDaemon(tx, {
      id,
      teamId: caller.teamId,
      keyHash: hashSecret(body.key),
      bootId,
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
    const reconciled = yield* reconcile(tx, daemon.id, body, plane)
    const seat: Seat = {
      daemonId: daemon.id,
      daemonName: offer.name,
      offer: offerOf(daemon, profiles),
      maxAgents: offer.maxAgents,
      running: body.running.length,
      draining: daemon.draining,
    }
    const { leaseTtlMs, heartbeatIntervalMs } = plane.settings
    const reply = {
      daemonId: daemon.id,
      teamId: caller.teamId,
      protocol: Math.min(body.protocol, protocolVersion),
      serverVersion: plane.version,
      serverTime: tx.now,
      leaseTtlMs,
      heartbeatIntervalMs,
      ...reconciled,
    }
    return { seat, reply, again: daemon.id !== id }
  })
}

function refuseProtocol(theirs: number, version: string): void {
  if (theirs >= oldestProtocolVersion && theirs <= protocolVersion) return
  const ours =
    oldestProtocolVersion === protocolVersion ? `${protocolVersion}` : `${oldestProtocolVersion} to ${protocolVersion}`
  throw new Problem('protocol_unsupported', `the daemon speaks ${theirs}; this server (${version}) speaks ${ours}`)
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
}

/** "I run X, Y" against "you own Y, Z". What it runs and owns is renewed like by a heartbeat. */
function* reconcile(tx: Tx, daemonId: string, { running }: Register, plane: Plane): Work<Reconciled> {
  const leaseMs = plane.settings.leaseTtlMs
  const heard = yield* heartbeat(tx, daemonId, running, { leaseMs, policy: plane.settings.retry })
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
  }
}

function* assignments(tx: Tx, records: readonly TaskRecord[]): Work<Assignment[]> {
  const profileIds = records.map((record) => record.attempts.at(-1)?.profileId ?? null)
  const profiles = yield* profilesById(
    tx,
    profileIds.filter((id) => id !== null),
  )
  return records.flatMap((record, i) => {
    const profile: ProfileView | null = profiles.get(profileIds[i] ?? '') ?? null
    return assignmentOf(record, profile) ?? []
  })
}

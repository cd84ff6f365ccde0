// A daemon's HTTP connection that began at another replica: whoever is asked next takes it over from what the store says of it.

import { daemonByConnection, daemonById } from '../store/daemons.ts'
import { profilesById } from '../store/profiles.ts'
import type { Seat } from './dispatch.ts'
import type { Caller, Plane } from './plane.ts'
import { offerOf } from './service/daemons.ts'

/** The seat of the daemon that this connection speaks for; null when it speaks for none of the caller's team any more. */
export async function seatOfConnection(plane: Plane, caller: Caller, connectionId: string): Promise<Seat | null> {
  return plane.store.read(function* (tx) {
    const daemon = yield* daemonByConnection(tx, caller.teamId, connectionId)
    if (daemon === null) return null
    const profiles = yield* profilesById(tx, daemon.profiles)
    return {
      daemonId: daemon.id,
      daemonName: daemon.name,
      offer: offerOf(daemon, [...profiles.values()]),
      maxAgents: daemon.maxAgents,
      running: daemon.running,
      draining: daemon.draining,
    }
  })
}

/** True when the daemon was heard within `ms`, whichever replica heard it. */
export async function heardLately({ store }: Plane, daemonId: string, ms: number): Promise<boolean> {
  return store.read(function* (tx) {
    const daemon = yield* daemonById(tx, daemonId)
    return daemon !== null && tx.now - daemon.lastSeenAt < ms
  })
}

// What a host has of conversations and the server has not: told to that host, and taken from it later.

import { Problem } from '../../core/problem.ts'
import { hasBlob } from '../../store/blobs.ts'
import { findProfile } from '../../store/profiles.ts'
import type { Unsynced } from '../../store/unsynced.ts'
import { attachSession, daemonByKey, unsynced } from '../../store/unsynced.ts'
import { hashSecret } from '../auth.ts'
import type { AskedOf } from '../handler.ts'
import type { Plane } from '../plane.ts'

const defaultLimit = 100

/** Throws `unknown_daemon` for a key that never registered, `unknown_profile`. */
export async function listUnsynced(
  plane: Plane,
  { caller, body }: AskedOf<'listUnsyncedSessions'>,
): Promise<{ items: Unsynced[] }> {
  const { key, states = [], profile, limit = defaultLimit } = body
  return plane.store.read(function* (tx) {
    const daemonId = yield* daemonByKey(tx, caller.teamId, hashSecret(key))
    if (daemonId === null) throw unknownKey()
    const named = profile === undefined ? null : yield* findProfile(tx, caller.teamId, profile)
    if (profile !== undefined && named === null)
      throw new Problem('unknown_profile', `there is no profile ${JSON.stringify(profile)} in this team`)
    return { items: yield* unsynced(tx, { daemonId, states, profileId: named?.id ?? null, limit }) }
  })
}

/** Throws `not_found` when the bytes are not here, or the attempt is not one of this daemon's that told of a conversation. */
export async function attachUnsynced(
  plane: Plane,
  { caller, body }: AskedOf<'attachSession'>,
): Promise<{ attached: true }> {
  const { key, attemptId, sessionCid } = body
  return plane.store.run(function* (tx) {
    const daemonId = yield* daemonByKey(tx, caller.teamId, hashSecret(key))
    if (daemonId === null) throw unknownKey()
    if (!(yield* hasBlob(tx, caller.teamId, sessionCid)))
      throw new Problem('not_found', `there is no blob ${sessionCid}; upload the conversation first`)
    if (!(yield* attachSession(tx, { daemonId, attemptId, sessionCid })))
      throw new Problem('not_found', `${attemptId} is not an ended attempt of this host that told of a conversation`)
    return { attached: true as const }
  })
}

function unknownKey(): Problem {
  return new Problem('unknown_daemon', 'no daemon with this key has registered with this team')
}

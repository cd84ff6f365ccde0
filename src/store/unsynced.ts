// Conversations that only their host has: attempts that told of one and whose files were not uploaded. And how they are attached later.

import { sql } from 'kysely'
import type { Tx, Work } from './port.ts'
import { change, first, parseJsonOrNull, rowsOf } from './query.ts'

export interface Unsynced {
  readonly attemptId: string
  readonly taskId: string
  readonly n: number
  readonly state: string
  readonly harness: string | null
  readonly sessionRef: string
}

export interface UnsyncedQuery {
  readonly daemonId: string
  /** Of the attempt; empty: any that ended. */
  readonly states: readonly string[]
  readonly profileId: string | null
  readonly limit: number
}

/** Attempts looked at, at most: those of a conversation that has been uploaded since are left out only here. */
const lookedAt = 5_000

/** The daemon with this key, or null. */
export function* daemonByKey(tx: Tx, teamId: string, keyHash: string): Work<string | null> {
  const query = tx.db.selectFrom('daemons').select('id').where('team_id', '=', teamId).where('key_hash', '=', keyHash)
  return (yield* first(query.compile()))?.id ?? null
}

interface Row {
  readonly id: string
  readonly task_id: string
  readonly n: number
  readonly state: string
  readonly harness: string | null
  readonly profile_id: string | null
  readonly session_ref: string
  readonly outcome: string
}

/** The last attempt of each conversation, newest first, where that one was not uploaded. */
export function* unsynced(tx: Tx, { daemonId, states, profileId, limit }: UnsyncedQuery): Work<Unsynced[]> {
  const rows = yield* rowsOf(
    tx,
    sql<Row>`select id, task_id, n, state, harness, profile_id, session_ref, outcome from attempts
      where daemon_id = ${daemonId} and ended_at is not null and session_ref is not null and outcome is not null
      order by id desc limit ${lookedAt}`,
  )
  const seen = new Set<string>()
  const last = rows.filter(({ harness, session_ref: ref }) => {
    const key = `${harness} ${ref}`
    const isLast = !seen.has(key)
    seen.add(key)
    return isLast
  })
  return last
    .filter((row) => sessionCidOf(row.outcome) === null)
    .filter((row) => states.length === 0 || states.includes(row.state))
    .filter((row) => profileId === null || row.profile_id === profileId)
    .slice(0, limit)
    .map(({ id, task_id: taskId, n, state, harness, session_ref: sessionRef }) => ({
      ...{ attemptId: id, taskId, n, state, harness, sessionRef },
    }))
}

/** False: it is not an ended attempt of this daemon that told of a conversation. Attaching the same again changes nothing. */
export function* attachSession(
  tx: Tx,
  {
    daemonId,
    attemptId,
    sessionCid,
  }: { readonly daemonId: string; readonly attemptId: string; readonly sessionCid: string },
): Work<boolean> {
  const query = tx.db
    .selectFrom('attempts')
    .select(['task_id', 'outcome'])
    .where('id', '=', attemptId)
    .where('daemon_id', '=', daemonId)
    .where('ended_at', 'is not', null)
    .where('session_ref', 'is not', null)
    .where('outcome', 'is not', null)
  const row = yield* first(query.compile())
  if (row === null || row.outcome === null) return false
  const outcome = JSON.stringify({ ...parseJsonOrNull<object>(row.outcome), sessionCid })
  yield* change(tx.db.updateTable('attempts').set({ outcome }).where('id', '=', attemptId).compile())
  const sessions = tx.db.updateTable('sessions').set({ session_cid: sessionCid })
  yield* change(sessions.where('last_attempt_id', '=', attemptId).compile())
  return true
}

function sessionCidOf(outcome: string): string | null {
  return parseJsonOrNull<{ sessionCid?: string | null }>(outcome)?.sessionCid ?? null
}

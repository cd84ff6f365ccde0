// What the server no longer needs after days: keys of old creations, messages to hosts that never came back, requests that are over, tokens
// that no longer open anything, old lines of the audit log, blobs nobody refers to.
// All in bounded batches; how far each went is kept among the settings.

import { sql } from 'kysely'
import type { Tx, Work } from './port.ts'
import { changeBy, rowsOf } from './query.ts'
import { getSetting, setSetting } from './settings.ts'

export interface HouseTerms {
  /** What is older goes, ms since the epoch. */
  readonly before: number
  /** At most so many rows at once. */
  readonly limit: number
}

const keysCursor = 'housekeeping.keys'

/** Forgets idempotency keys of tasks born before; the tasks stay. Gives how many were looked at: fewer than `limit` means all is done. */
export function* forgetKeys(tx: Tx, { before, limit }: HouseTerms): Work<number> {
  const from = Number((yield* getSetting(tx, keysCursor)) ?? 0)
  const rows = yield* rowsOf(
    tx,
    sql<{
      seq: number
      created_at: number
    }>`select seq, created_at from tasks where seq > ${from} order by seq limit ${limit}`,
  )
  const young = rows.findIndex((row) => row.created_at >= before)
  const old = young === -1 ? rows : rows.slice(0, young)
  const last = old.at(-1)
  if (last === undefined) return 0
  yield* changeBy(
    tx,
    sql`update tasks set idempotency_key = null, body_hash = null
      where seq > ${from} and seq <= ${last.seq} and idempotency_key is not null`,
  )
  yield* setSetting(tx, keysCursor, Number(last.seq))
  return old.length
}

/**
 * Forgets messages that wait since before for a host that was not heard since before: should it come back, registering tells it what it needs.
 * Acknowledged ones are gone already, but for words to agents: those go by their age. Gives how many.
 */
export function* forgetMessages(tx: Tx, { before, limit }: HouseTerms): Work<number> {
  return yield* changeBy(
    tx,
    sql`delete from daemon_messages where (daemon_id, seq) in (
      select m.daemon_id, m.seq from daemon_messages m join daemons d on d.id = m.daemon_id
        where m.created_at < ${before}
          and (m.acked_at is not null or (d.connection_id is null and d.last_seen_at < ${before})) limit ${limit})`,
  )
}

/** Forgets requests that are over, of attempts that are over; what was asked and answered stands in the transcript. Gives how many. */
export function* forgetRequests(tx: Tx, { before, limit }: HouseTerms): Work<number> {
  return yield* changeBy(
    tx,
    sql`delete from requests where id in (
      select r.id from requests r where r.state <> 'open' and r.created_at < ${before}
        and not exists (select 1 from attempts a where a.id = r.attempt_id and a.open = 1) limit ${limit})`,
  )
}

/**
 * Forgets tokens, sign-ins and browser sessions that were revoked or ran out before. Of each account the one that was used last stays: it says
 * when the account was used. Gives how many.
 */
export function* forgetTokens(tx: Tx, { before, limit }: HouseTerms): Work<number> {
  return yield* changeBy(
    tx,
    sql`delete from tokens where id in (
      select t.id from tokens t where coalesce(t.revoked_at, t.expires_at) < ${before} and (t.account_id is null or exists (
        select 1 from tokens n where n.account_id = t.account_id and n.id <> t.id and (
          coalesce(n.last_used_at, 0) > coalesce(t.last_used_at, 0)
          or (coalesce(n.last_used_at, 0) = coalesce(t.last_used_at, 0) and n.id > t.id)))) limit ${limit})`,
  )
}

/** Forgets lines of the audit log. They are in the order of time, so that only the oldest are looked at. Gives how many. */
export function* forgetAudit(tx: Tx, { before, limit }: HouseTerms): Work<number> {
  return yield* changeBy(
    tx,
    sql`delete from audit where at < ${before} and seq in (select seq from audit order by seq limit ${limit})`,
  )
}

export interface OldBlob {
  readonly team_id: string
  readonly cid: string
  readonly created_at: number
}

/** Blobs that were brought, or brought again, before; by team and id, after the given one. */
export function* blobsBefore(tx: Tx, { before, limit }: HouseTerms, after: OldBlob | null): Work<OldBlob[]> {
  const [team, cid] = [after?.team_id ?? '', after?.cid ?? '']
  return yield* rowsOf(
    tx,
    sql<OldBlob>`select team_id, cid, created_at from blobs
      where (team_id > ${team} or (team_id = ${team} and cid > ${cid})) and created_at < ${before}
      order by team_id, cid limit ${limit}`,
  )
}

/** Where a content id may stand: evidence and endings of attempts, what tasks carry, what was salvaged. */
const places = {
  attempts: sql`select id as at, coalesce(outcome, '') || coalesce(ending, '') as text from attempts where id > `,
  tasks: sql`select id as at, doc as text from tasks where id > `,
  salvage: sql`select attempt_id || ' ' || cid as at, cid || doc as text from salvage where attempt_id || ' ' || cid > `,
} as const
export type ReferringPlace = keyof typeof places
export const referringPlaces: readonly ReferringPlace[] = ['attempts', 'tasks', 'salvage']

/** The texts of one batch of rows, in order after the given one; content ids are to be looked for in them. */
export function* referringTexts(
  tx: Tx,
  place: ReferringPlace,
  after: string,
  limit: number,
): Work<{ readonly at: string; readonly text: string }[]> {
  return yield* rowsOf(tx, sql<{ at: string; text: string }>`${places[place]} ${after} order by 1 limit ${limit}`)
}

/** Takes the team's row away unless the blob was brought again since it was looked at. True: it is gone. */
export function* forgetBlob(tx: Tx, { team_id, cid, created_at }: OldBlob): Work<boolean> {
  const gone = yield* changeBy(
    tx,
    sql`delete from blobs where team_id = ${team_id} and cid = ${cid} and created_at = ${created_at}`,
  )
  return gone > 0
}

/** True while any team has the bytes. */
export function* anyHasBlob(tx: Tx, cid: string): Work<boolean> {
  return (yield* rowsOf(tx, sql`select 1 as one from blobs where cid = ${cid} limit 1`)).length > 0
}

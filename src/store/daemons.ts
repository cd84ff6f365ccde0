// Daemons: who registered, what they offer, which connection speaks for them.

import type { Selectable } from 'kysely'
import { sql } from 'kysely'
import type { DaemonId } from '../core/id.ts'
import { Problem } from '../core/problem.ts'
import type { DaemonOffer, DaemonView } from '../protocol/fleet.ts'
import type { Tx, Work } from './port.ts'
import { all, change, first, parseJson, rowsOf } from './query.ts'
import { replaceRepos } from './repos.ts'
import type { Flag, Schema } from './schema.ts'

/** A daemon as everyone sees it, and what only the server needs. */
export interface DaemonRecord extends Omit<DaemonView, 'id'> {
  readonly id: DaemonId
  readonly bootId: string
  readonly pid: number
  /** Requirement fields it insists on. */
  readonly only: DaemonOffer['only']
  /** Null: not connected. */
  readonly connectionId: string | null
  /** A person asked it to take no work; `draining` is also true while it is stopping by itself. */
  readonly drainAsked: boolean
}

export interface Registration {
  /** Used when the key is new to the team. */
  readonly id: DaemonId
  readonly teamId: string
  readonly keyHash: string
  readonly bootId: string
  /** The boot before this one, proven dead on its host: it is replaced at once. */
  readonly replaces?: string | null
  readonly offer: DaemonOffer
  readonly poolId: string | null
  readonly profileIds: readonly string[]
  readonly connectionId: string
  /** Another boot with the same key is refused while the connected one was heard within this, ms. Default 30 s. */
  readonly busyMs?: number
}

export type Registered =
  | {
      readonly is: 'registered'
      readonly daemon: DaemonRecord
      /** The connection it had, for its server to close. */
      readonly replaced: string | null
    }
  | {
      readonly is: 'refused'
      readonly other: { readonly name: string; readonly pid: number; readonly lastSeenAt: number }
    }

const defaultBusyMs = 30_000

/**
 * Registers a daemon. The same key and boot, or a boot that replaces the connected one, takes over at once (a half-open socket); the same key from another boot is refused
 * while the first is connected and was heard lately: then two processes share one identity.
 */
export function* registerDaemon(tx: Tx, given: Registration): Work<Registered> {
  const fresh = freshColumns(tx, given)
  const born = { id: given.id, team_id: given.teamId, key_hash: given.keyHash, registered_at: tx.now }
  const first = tx.db.insertInto('daemons').values({ ...born, ...fresh, drain_asked: 0, running: 0, message_seq: 0 })
  const made = yield* change(first.onConflict((on) => on.columns(['team_id', 'key_hash']).doNothing()).compile())
  const old = made > 0 ? null : yield* lockByKey(tx, given)
  if (old !== null && refuses(old, given, tx.now)) {
    const { name, pid } = parseJson<DaemonOffer>(old.offer)
    return { is: 'refused', other: { name, pid, lastSeenAt: old.last_seen_at } }
  }
  const id = old?.id ?? given.id
  if (old !== null) yield* change(tx.db.updateTable('daemons').set(fresh).where('id', '=', id).compile())
  const slugs = given.offer.repos.map((repo) => repo.slug)
  yield* replaceRepos(tx, given.teamId, id, slugs)
  tx.notify({ kind: 'fleet', teamId: given.teamId })
  const daemon = yield* daemonById(tx, id)
  if (daemon === null) throw new Error(`${id} vanished while it registered`)
  const before = old?.connection_id ?? null
  return { is: 'registered', daemon, replaced: before === given.connectionId ? null : before }
}

/** By id, else by name; of several with one name the one heard last. */
export function* findDaemon(tx: Tx, teamId: string, idOrName: string): Work<DaemonRecord | null> {
  const query = tx.db.selectFrom('daemons').selectAll().where('team_id', '=', teamId)
  const named = query.where((of) => of.or([of('id', '=', idOrName), of('name', '=', idOrName)]))
  const rows = yield* all(named.orderBy('last_seen_at', 'desc').compile())
  const row = rows.find((each) => each.id === idOrName) ?? rows[0]
  return row === undefined ? null : recordOf(row)
}

/** A daemon of any team. */
export function* daemonById(tx: Tx, id: string): Work<DaemonRecord | null> {
  const row = yield* first(tx.db.selectFrom('daemons').selectAll().where('id', '=', id).compile())
  return row === null ? null : recordOf(row)
}

/** The team's daemon that this connection speaks for now. */
export function* daemonByConnection(tx: Tx, teamId: string, connectionId: string): Work<DaemonRecord | null> {
  const query = tx.db.selectFrom('daemons').selectAll().where('connection_id', '=', connectionId)
  const row = yield* first(query.where('team_id', '=', teamId).compile())
  return row === null ? null : recordOf(row)
}

/** The team's daemons, connected ones first, then by name. */
export function* listDaemons(tx: Tx, teamId: string): Work<DaemonRecord[]> {
  const rows = yield* all(tx.db.selectFrom('daemons').selectAll().where('team_id', '=', teamId).compile())
  const away = (record: DaemonRecord) => (record.connectionId === null ? 1 : 0)
  return rows.map(recordOf).sort((a, b) => away(a) - away(b) || (a.name < b.name ? -1 : 1))
}

/** The daemons of all teams: for the server's own work. */
export function* allDaemons(tx: Tx): Work<DaemonRecord[]> {
  return (yield* all(tx.db.selectFrom('daemons').selectAll().compile())).map(recordOf)
}

export interface Touch {
  /** The touch counts only while this connection speaks for the daemon. */
  readonly connectionId: string
  readonly running: number
  readonly draining: boolean
  readonly freeDiskBytes: number | null
  readonly freeMemoryBytes: number | null
  readonly loadAverage: number | null
}

/** Notes a heartbeat. Null: another connection speaks for the daemon now, or it was removed. */
export function* touchDaemon(tx: Tx, id: string, touch: Touch): Work<DaemonRecord | null> {
  const before = yield* daemonById(tx, id)
  const update = tx.db
    .updateTable('daemons')
    .set({
      running: touch.running,
      draining: flag(touch.draining),
      free_disk: touch.freeDiskBytes,
      free_memory: touch.freeMemoryBytes,
      load_average: touch.loadAverage,
      last_seen_at: tx.now,
    })
    .where('id', '=', id)
    .where('connection_id', '=', touch.connectionId)
  const row = yield* first(update.returningAll().compile())
  if (row === null) return null
  const after = recordOf(row)
  if (before?.draining !== after.draining) tx.notify({ kind: 'fleet', teamId: after.teamId })
  return after
}

/** A person stops or resumes its taking of work. Null: the team has no such daemon. */
export function* setDraining(tx: Tx, teamId: string, idOrName: string, on: boolean): Work<DaemonRecord | null> {
  const found = yield* findDaemon(tx, teamId, idOrName)
  if (found === null) return null
  const update = tx.db
    .updateTable('daemons')
    .set({ drain_asked: flag(on) })
    .where('id', '=', found.id)
  const row = yield* first(update.returningAll().compile())
  if (row === null) return null
  tx.notify({ kind: 'fleet', teamId })
  return recordOf(row)
}

/** Its connection ended. Ignored (false) when a newer connection speaks for it already. */
export function* disconnectDaemon(tx: Tx, id: string, connectionId: string): Work<boolean> {
  const update = tx.db.updateTable('daemons').set({ connection_id: null, last_seen_at: tx.now })
  const theirs = update.where('id', '=', id).where('connection_id', '=', connectionId)
  const row = yield* first(theirs.returning('team_id').compile())
  if (row === null) return false
  tx.notify({ kind: 'fleet', teamId: row.team_id })
  return true
}

/** Forgets a daemon. False: the team has none by that id or name. Throws Problem `in_use` while it is connected or owns an attempt. */
export function* removeDaemon(tx: Tx, teamId: string, idOrName: string): Work<boolean> {
  const found = yield* findDaemon(tx, teamId, idOrName)
  if (found === null) return false
  if (found.connectionId !== null) {
    throw new Problem('in_use', `daemon ${found.name} is connected; stop it on its host first`)
  }
  const owned = tx.db
    .selectFrom('attempts')
    .select('id')
    .where('daemon_id', '=', found.id)
    .where('open', '=', sql.lit(1))
  if ((yield* first(owned.limit(1).compile())) !== null) {
    throw new Problem('in_use', `daemon ${found.name} still owns an attempt; cancel its task first`)
  }
  yield* change(tx.db.deleteFrom('daemons').where('id', '=', found.id).compile())
  tx.notify({ kind: 'fleet', teamId })
  return true
}

type DaemonRow = Selectable<Schema['daemons']>

function* lockByKey(tx: Tx, { teamId, keyHash }: Registration): Work<DaemonRow | null> {
  const lock = tx.dialect === 'postgres' ? sql`for update` : sql``
  const query = sql<DaemonRow>`select * from daemons where team_id = ${teamId} and key_hash = ${keyHash} ${lock}`
  return (yield* rowsOf(tx, query))[0] ?? null
}

function refuses(old: DaemonRow, given: Registration, now: number): boolean {
  const theirs = old.boot_id === given.bootId || old.boot_id === given.replaces
  if (theirs || old.connection_id === null) return false
  return now - old.last_seen_at < (given.busyMs ?? defaultBusyMs)
}

function freshColumns(tx: Tx, given: Registration) {
  return {
    boot_id: given.bootId,
    name: given.offer.name,
    offer: JSON.stringify(given.offer),
    pool_id: given.poolId,
    profile_ids: JSON.stringify(given.profileIds),
    connection_id: given.connectionId,
    draining: 0 as const, // a new start takes work again; what a person asked for stays
    free_disk: given.offer.freeDiskBytes,
    free_memory: given.offer.freeMemoryBytes,
    load_average: given.offer.loadAverage ?? null,
    last_seen_at: tx.now,
  }
}

function flag(on: boolean): Flag {
  return on ? 1 : 0
}

function recordOf(row: DaemonRow): DaemonRecord {
  const { name: _, pool: __, profiles: ___, ...offer } = parseJson<DaemonOffer>(row.offer)
  return {
    ...offer,
    id: row.id as DaemonId, // written from one
    teamId: row.team_id,
    bootId: row.boot_id,
    name: row.name,
    pool: row.pool_id,
    profiles: parseJson<string[]>(row.profile_ids),
    connectionId: row.connection_id,
    connected: row.connection_id !== null,
    draining: row.draining === 1 || row.drain_asked === 1,
    drainAsked: row.drain_asked === 1,
    running: row.running,
    freeDiskBytes: row.free_disk,
    freeMemoryBytes: row.free_memory,
    loadAverage: row.load_average,
    registeredAt: row.registered_at,
    lastSeenAt: row.last_seen_at,
  }
}

// Profiles: named runtime configurations of a team, each change a new version with its own content id.

import type { Selectable } from 'kysely'
import { sql } from 'kysely'
import { Problem } from '../core/problem.ts'
import type { Requirements } from '../core/routing.ts'
import { cidOfJson } from '../lib/cid.ts'
import type { ProfileSettings, ProfileView } from '../protocol/fleet.ts'
import type { Tx, Work } from './port.ts'
import { all, change, first, parseJson } from './query.ts'
import type { Schema } from './schema.ts'

export interface NewProfile {
  readonly id: string
  readonly teamId: string
  readonly name: string
  readonly settings: ProfileSettings
}

/** Throws Problem `already_exists` when the team has one by that name. */
export function* createProfile(tx: Tx, { id, teamId, name, settings }: NewProfile): Work<ProfileView> {
  const times = { created_at: tx.now, updated_at: tx.now }
  const row = { id, team_id: teamId, name, version: 1, ...contentOf(settings), ...times }
  const insert = tx.db.insertInto('profiles').values(row)
  const made = yield* change(insert.onConflict((on) => on.columns(['team_id', 'name']).doNothing()).compile())
  if (made === 0) throw new Problem('already_exists', `profile ${name} exists; change it with: capstan profile set`)
  return viewOf(row)
}

/** A new version under the same id. Null: the team has none by that id or name. Throws `already_exists` when another has the new name. */
export function* replaceProfile(
  tx: Tx,
  teamId: string,
  idOrName: string,
  next: { readonly name: string; readonly settings: ProfileSettings },
): Work<ProfileView | null> {
  const old = yield* findProfile(tx, teamId, idOrName)
  if (old === null) return null
  const taken = yield* findProfile(tx, teamId, next.name)
  if (taken !== null && taken.id !== old.id) {
    throw new Problem('already_exists', `profile ${next.name} exists; choose another name`)
  }
  const update = tx.db
    .updateTable('profiles')
    .set((of) => ({ name: next.name, version: of('version', '+', 1), ...contentOf(next.settings), updated_at: tx.now }))
    .where('id', '=', old.id)
  const row = yield* first(update.returningAll().compile())
  return row === null ? null : viewOf(row)
}

export function* findProfile(tx: Tx, teamId: string, idOrName: string): Work<ProfileView | null> {
  const query = tx.db.selectFrom('profiles').selectAll().where('team_id', '=', teamId)
  const named = query.where((of) => of.or([of('id', '=', idOrName), of('name', '=', idOrName)]))
  const row = yield* first(named.compile())
  return row === null ? null : viewOf(row)
}

/** By name. */
export function* listProfiles(tx: Tx, teamId: string): Work<ProfileView[]> {
  const query = tx.db.selectFrom('profiles').selectAll().where('team_id', '=', teamId).orderBy('name')
  return (yield* all(query.compile())).map(viewOf)
}

/** Profiles of any team by id. */
export function* profilesById(tx: Tx, ids: readonly string[]): Work<Map<string, ProfileView>> {
  const wanted = [...new Set(ids)]
  if (wanted.length === 0) return new Map()
  const rows = yield* all(tx.db.selectFrom('profiles').selectAll().where('id', 'in', wanted).compile())
  return new Map(rows.map((row) => [row.id, viewOf(row)]))
}

/** False: there is none. Throws Problem `in_use` while a task that has not ended allows it. */
export function* removeProfile(tx: Tx, teamId: string, idOrName: string): Work<boolean> {
  const found = yield* findProfile(tx, teamId, idOrName)
  if (found === null) return false
  const waiting = (yield* openNeeds(tx, teamId)).some((needs) => needs.profiles.includes(found.id))
  if (waiting) throw new Problem('in_use', `tasks that have not ended name profile ${found.name}; cancel them first`)
  return (yield* change(tx.db.deleteFrom('profiles').where('id', '=', found.id).compile())) > 0
}

/** What the team's tasks that have not ended need: each lane once. */
export function* openNeeds(tx: Tx, teamId: string): Work<Requirements[]> {
  const query = sql<{ needs: string }>`select needs from lanes where id in (
    select coalesce(fallback_lane_id, lane_id) from tasks where team_id = ${teamId} and ended_at is null)`
  const rows = yield* all(query.compile(tx.db))
  return rows.map((row) => parseJson<Requirements>(row.needs))
}

function contentOf(settings: ProfileSettings): { cid: string; settings: string } {
  return { cid: cidOfJson(settings), settings: JSON.stringify(settings) }
}

function viewOf(row: Selectable<Schema['profiles']>): ProfileView {
  return {
    id: row.id,
    name: row.name,
    version: row.version,
    cid: row.cid,
    settings: parseJson<ProfileSettings>(row.settings),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

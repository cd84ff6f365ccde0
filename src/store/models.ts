// The teams' own models; those that come with Capstan are not in the database.

import type { Selectable } from 'kysely'
import { Problem } from '../core/problem.ts'
import type { ModelView } from '../protocol/models.ts'
import type { Tx, Work } from './port.ts'
import { all, change, first, parseJson } from './query.ts'
import type { Schema } from './schema.ts'

export interface ModelEntry {
  readonly provider: string
  readonly name: string
  /** Null: its name. */
  readonly displayName: string | null
  readonly description: string
  readonly capabilities: ModelView['capabilities']
}

/** Throws Problem `already_exists` when the team has that provider's model. */
export function* createModel(
  tx: Tx,
  { id, teamId, ...entry }: ModelEntry & { readonly id: string; readonly teamId: string },
): Work<ModelView> {
  const row = { id, team_id: teamId, ...columnsOf(entry), created_at: tx.now, updated_at: tx.now }
  const insert = tx.db.insertInto('models').values(row)
  const made = yield* change(
    insert.onConflict((on) => on.columns(['team_id', 'provider', 'name']).doNothing()).compile(),
  )
  if (made === 0) throw exists(entry)
  return viewOf(row)
}

export function* findModel(tx: Tx, teamId: string, id: string): Work<ModelView | null> {
  const query = tx.db.selectFrom('models').selectAll().where('team_id', '=', teamId).where('id', '=', id)
  const row = yield* first(query.compile())
  return row === null ? null : viewOf(row)
}

/** By provider and name. */
export function* listModels(tx: Tx, teamId: string): Work<ModelView[]> {
  const query = tx.db.selectFrom('models').selectAll().where('team_id', '=', teamId)
  return (yield* all(query.orderBy('provider').orderBy('name').compile())).map(viewOf)
}

/** Throws Problem `already_exists` when another entry has that provider and name. */
export function* replaceModel(tx: Tx, teamId: string, id: string, entry: ModelEntry): Work<void> {
  const same = tx.db.selectFrom('models').select('id').where('team_id', '=', teamId).where('id', '!=', id)
  const taken = same.where('provider', '=', entry.provider).where('name', '=', entry.name)
  if ((yield* first(taken.compile())) !== null) throw exists(entry)
  const update = tx.db.updateTable('models').set({ ...columnsOf(entry), updated_at: tx.now })
  yield* change(update.where('team_id', '=', teamId).where('id', '=', id).compile())
}

export function* removeModel(tx: Tx, teamId: string, id: string): Work<boolean> {
  const remove = tx.db.deleteFrom('models').where('team_id', '=', teamId).where('id', '=', id)
  return (yield* change(remove.compile())) > 0
}

function columnsOf({ provider, name, displayName, description, capabilities }: ModelEntry) {
  return { provider, name, display_name: displayName, description, capabilities: JSON.stringify(capabilities) }
}

function exists({ provider, name }: ModelEntry): Problem {
  return new Problem('already_exists', `model ${provider}/${name} exists; change it with: capstan model set`)
}

function viewOf(row: Selectable<Schema['models']>): ModelView {
  return {
    id: row.id,
    provider: row.provider,
    name: row.name,
    displayName: row.display_name ?? row.name,
    description: row.description,
    capabilities: parseJson<ModelView['capabilities']>(row.capabilities),
    global: false,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

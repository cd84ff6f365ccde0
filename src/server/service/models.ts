// The catalog of models: those that come with Capstan, which nobody changes, and the team's own.

import { Problem } from '../../core/problem.ts'
import { makeId } from '../../lib/ids.ts'
import type { ModelView } from '../../protocol/models.ts'
import type { ModelEntry } from '../../store/models.ts'
import * as models from '../../store/models.ts'
import type { Tx, Work } from '../../store/port.ts'
import type { AskedOf } from '../handler.ts'
import { globalModels } from '../model-seed.ts'
import type { Caller, Plane } from '../plane.ts'

export async function listModels(
  plane: Plane,
  { caller, query }: AskedOf<'listModels'>,
): Promise<{ items: ModelView[] }> {
  const { provider } = query
  const all = await plane.store.read((tx) => catalog(tx, caller.teamId))
  const items = provider === undefined ? all : all.filter((model) => model.provider === provider)
  return { items: items.sort((a, b) => a.provider.localeCompare(b.provider) || a.name.localeCompare(b.name)) }
}

/** Throws `already_exists`, also for one that comes with Capstan. */
export async function createModel(plane: Plane, { caller, body }: AskedOf<'createModel'>): Promise<ModelView> {
  const { provider, name, displayName = null, description = '', capabilities = {} } = body
  refuseGlobal({ provider, name })
  const id = makeId('mdl', plane.clock.now())
  const entry = { provider, name, displayName, description, capabilities }
  return plane.store.run((tx) => models.createModel(tx, { id, teamId: caller.teamId, ...entry }))
}

/** Throws `forbidden` for one that comes with Capstan, `already_exists` for a name that another has. */
export async function updateModel(plane: Plane, { caller, params, body }: AskedOf<'updateModel'>): Promise<ModelView> {
  requireOwn(params.id)
  return plane.store.run(function* (tx) {
    const old = yield* models.findModel(tx, caller.teamId, params.id)
    if (old === null) throw none(params.id)
    const named = old.displayName === old.name ? null : old.displayName
    const next: ModelEntry = {
      provider: body.provider ?? old.provider,
      name: body.name ?? old.name,
      displayName: body.displayName ?? named,
      description: body.description ?? old.description,
      capabilities: { ...old.capabilities, ...body.capabilities },
    }
    refuseGlobal(next)
    yield* models.replaceModel(tx, caller.teamId, params.id, next)
    return (yield* models.findModel(tx, caller.teamId, params.id)) ?? old
  })
}

export async function removeModel(plane: Plane, caller: Caller, id: string): Promise<undefined> {
  requireOwn(id)
  if (!(await plane.store.run((tx) => models.removeModel(tx, caller.teamId, id)))) throw none(id)
}

/** All that the team sees. */
export function* catalog(tx: Tx, teamId: string): Work<ModelView[]> {
  return [...globalModels, ...(yield* models.listModels(tx, teamId))]
}

function refuseGlobal({ provider, name }: Pick<ModelView, 'provider' | 'name'>): void {
  if (!globalModels.some((model) => model.provider === provider && model.name === name)) return
  throw new Problem('already_exists', `model ${provider}/${name} comes with Capstan`)
}

function requireOwn(id: string): void {
  const known = globalModels.find((model) => model.id === id)
  if (known === undefined) return
  throw new Problem('forbidden', `${known.provider}/${known.name} comes with Capstan and cannot be changed`)
}

function none(id: string): Problem {
  return new Problem('not_found', `there is no model ${JSON.stringify(id)}; see: capstan model ls`)
}

// Profiles: reusable runtime configurations, each change a new version.

import { Problem } from '../../core/problem.ts'
import { makeId } from '../../lib/ids.ts'
import type { ProfileSettings, ProfileView } from '../../protocol/fleet.ts'
import type { Tx, Work } from '../../store/port.ts'
import * as profiles from '../../store/profiles.ts'
import type { AskedOf } from '../handler.ts'
import type { Caller, Plane } from '../plane.ts'
import { refuseContradictions, warningsOf } from './profile-settings.ts'
import { requireHarness } from './task-names.ts'

export async function createProfile(plane: Plane, { caller, body }: AskedOf<'createProfile'>): Promise<ProfileView> {
  const id = makeId('prof', plane.clock.now())
  const { name, ...settings } = body
  refuseContradictions(settings)
  return plane.store.run(function* (tx) {
    if (settings.harness !== undefined) yield* requireHarness(tx, caller.teamId, settings.harness)
    const made = yield* profiles.createProfile(tx, { id, teamId: caller.teamId, name, settings })
    return { ...made, ...(yield* advice(tx, caller, settings)) }
  })
}

export async function replaceProfile(plane: Plane, asked: AskedOf<'replaceProfile'>): Promise<ProfileView> {
  const { caller, params, body } = asked
  const { name, ...settings } = body
  refuseContradictions(settings)
  const next = await plane.store.run(function* (tx) {
    if (settings.harness !== undefined) yield* requireHarness(tx, caller.teamId, settings.harness)
    const made = yield* profiles.replaceProfile(tx, caller.teamId, params.id, { name, settings })
    return made === null ? null : { ...made, ...(yield* advice(tx, caller, settings)) }
  })
  if (next === null) throw none(params.id)
  return next
}

export async function listProfiles(plane: Plane, caller: Caller): Promise<{ items: ProfileView[] }> {
  return { items: await plane.store.read((tx) => profiles.listProfiles(tx, caller.teamId)) }
}

export async function readProfile(plane: Plane, caller: Caller, idOrName: string): Promise<ProfileView> {
  const profile = await plane.store.read((tx) => profiles.findProfile(tx, caller.teamId, idOrName))
  if (profile === null) throw none(idOrName)
  return profile
}

/** Throws `in_use` while a task that has not ended allows it. */
export async function removeProfile(plane: Plane, caller: Caller, idOrName: string): Promise<undefined> {
  if (!(await plane.store.run((tx) => profiles.removeProfile(tx, caller.teamId, idOrName)))) throw none(idOrName)
}

function* advice(tx: Tx, { teamId }: Caller, settings: ProfileSettings): Work<Pick<ProfileView, 'warnings'>> {
  const warnings = yield* warningsOf(tx, teamId, settings)
  return warnings.length === 0 ? {} : { warnings }
}

function none(idOrName: string): Problem {
  return new Problem('not_found', `there is no profile ${JSON.stringify(idOrName)}; see: capstan profile ls`)
}

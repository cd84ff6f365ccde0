// Teams, and who the caller is.

import { Problem } from '../../core/problem.ts'
import { makeId } from '../../lib/ids.ts'
import { protocolVersion } from '../../protocol/link.ts'
import type { Output } from '../../protocol/operations.ts'
import type { TeamRecord } from '../../store/teams.ts'
import * as teams from '../../store/teams.ts'
import type { AskedOf } from '../handler.ts'
import type { Caller, Plane } from '../plane.ts'

/** Only the server's own administrators make teams: a team's administrator rules that team. */
export async function createTeam(plane: Plane, { caller, body }: AskedOf<'createTeam'>): Promise<TeamRecord> {
  if (!caller.operator)
    throw new Problem('forbidden', `making team ${body.name} needs an administrator of the server's first team`)
  const id = makeId('team', plane.clock.now())
  return plane.store.run((tx) => teams.createTeam(tx, { id, name: body.name }))
}

export async function listTeams(plane: Plane, caller: Caller): Promise<{ items: TeamRecord[] }> {
  const all = await plane.store.read((tx) => teams.listTeams(tx))
  return { items: caller.operator ? all : all.filter((team) => team.id === caller.teamId) }
}

export async function whoami(plane: Plane, caller: Caller): Promise<Output<'whoami'>> {
  const team = await plane.store.read((tx) => teams.findTeam(tx, caller.teamId))
  if (team === null) throw new Error(`${caller.teamId} has a token but is no team`)
  return {
    actor: caller.actor,
    tokenId: caller.tokenId,
    team,
    scopes: [...caller.scopes],
    role: caller.role,
    account: caller.account,
    server: { version: plane.version, protocol: protocolVersion, store: plane.store.dialect },
  }
}

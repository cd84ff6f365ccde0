// Daemons as people see them and as routing does; repositories that they serve.

import { Problem } from '../../core/problem.ts'
import type { Offer } from '../../core/routing.ts'
import type { Candidate } from '../../core/why-queued.ts'
import type { DaemonView, HarnessFound, ProfileView } from '../../protocol/fleet.ts'
import type { DaemonRecord } from '../../store/daemons.ts'
import { findDaemon, removeDaemon as forget, setDraining, listDaemons as storedDaemons } from '../../store/daemons.ts'
import { sendMessage } from '../../store/messages.ts'
import { listRepos as storedRepos } from '../../store/repos.ts'
import type { AskedOf } from '../handler.ts'
import type { Caller, Plane } from '../plane.ts'
import { until } from './times.ts'

export async function listDaemons(plane: Plane, caller: Caller): Promise<{ items: DaemonView[] }> {
  const records = await plane.store.read((tx) => storedDaemons(tx, caller.teamId))
  return { items: records.map(viewDaemon) }
}

export async function readDaemon(plane: Plane, caller: Caller, idOrName: string): Promise<DaemonView> {
  const record = await plane.store.read((tx) => findDaemon(tx, caller.teamId, idOrName))
  if (record === null) throw none(idOrName)
  return viewDaemon(record)
}

/** Stops or resumes its taking of work; the daemon is told by a row, so also when it is away now. */
export async function drainDaemon(plane: Plane, { caller, params, body }: AskedOf<'drainDaemon'>): Promise<DaemonView> {
  return plane.store.run(function* (tx) {
    const record = yield* setDraining(tx, caller.teamId, params.id, body.on)
    if (record === null) throw none(params.id)
    yield* sendMessage(tx, record.id, 'drain', { on: body.on })
    return viewDaemon(record)
  })
}

/** Forgets a host that is gone. Throws `in_use` while it is connected or owns an attempt. */
export async function removeDaemon(plane: Plane, caller: Caller, idOrName: string): Promise<undefined> {
  if (!(await plane.store.run((tx) => forget(tx, caller.teamId, idOrName)))) throw none(idOrName)
}

export async function listRepos(
  plane: Plane,
  caller: Caller,
): Promise<{ items: { slug: string; daemons: number; connected: number }[] }> {
  const items = await plane.store.read((tx) => storedRepos(tx, caller.teamId))
  return { items: items.map(({ slug, daemons, connected }) => ({ slug, daemons, connected })) }
}

/** What routing compares with a task's needs: of a daemon's offer, only what is usable right now. */
export function offerOf(record: DaemonRecord, profiles: readonly ProfileView[]): Offer {
  const { id: daemonId, teamId, pool, roles, labels, types, repos, harnesses, only } = record
  return {
    daemonId,
    teamId,
    pool,
    roles,
    labels,
    types,
    repos: repos.filter((repo) => repo.problem === null).map((repo) => repo.slug),
    harnesses: harnesses.filter(usable).map((found) => found.name),
    unnamed: harnesses.filter((found) => usable(found) && found.explicit !== true).map((found) => found.name),
    repoHarness: Object.fromEntries(
      repos.flatMap(({ slug, harness }) => (harness === undefined ? [] : [[slug, harness]])),
    ),
    profiles: record.profiles.flatMap((id) => {
      const profile = profiles.find((each) => each.id === id)
      if (profile === undefined) return []
      const { harness = null, sandbox } = profile.settings
      return [{ id, harness, sandboxed: sandbox !== undefined && sandbox.runtime !== 'none' }]
    }),
    only,
  }
}

/** A quota is spent for as long as the daemon says so: it registers anew when it returns, and its clock is the one that knows. */
function usable({ ready, exhaustedUntil }: HarnessFound): boolean {
  return ready && exhaustedUntil === undefined
}

/** The same with its load, for the sentence about why a task is queued. `profiles`: at least those it serves. */
export function candidateOf(record: DaemonRecord, profiles: readonly ProfileView[], now: number): Candidate {
  const { name, draining, running, maxAgents, shortOf } = record
  // that of a harness which is only taken by name comes last: it is rarely what a task without one lacks
  const problems = record.harnesses
    .filter((found) => found.problem !== null)
    .toSorted((a, b) => Number(a.explicit === true) - Number(b.explicit === true))
  const harnessProblems = new Map(problems.map((found) => [found.name, found.problem ?? '']))
  const spent = new Map(
    record.harnesses.flatMap((found) =>
      found.ready && found.exhaustedUntil !== undefined
        ? [[found.name, until(found.exhaustedUntil, now)] as const]
        : [],
    ),
  )
  return { offer: offerOf(record, profiles), name, draining, running, maxAgents, shortOf, harnessProblems, spent }
}

function viewDaemon({
  bootId: _1,
  pid: _2,
  only: _3,
  connectionId: _4,
  drainAsked: _5,
  ...view
}: DaemonRecord): DaemonView {
  // of a host that is away nobody knows what runs there; its last count would stand for ever
  return view.connected ? view : { ...view, running: 0 }
}

function none(idOrName: string): Problem {
  return new Problem('not_found', `there is no daemon ${JSON.stringify(idOrName)}; see: capstan daemon ls`)
}

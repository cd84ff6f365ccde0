// The names in a task's body → what they stand for in its team. An unknown name is refused with a list of the known ones.

import type { ProblemCode } from '../../core/problem.ts'
import { Problem } from '../../core/problem.ts'
import { nearest } from '../../lib/suggest.ts'
import type { PoolView, ProfileView } from '../../protocol/fleet.ts'
import type { TaskCreate } from '../../protocol/task.ts'
import type { DaemonRecord } from '../../store/daemons.ts'
import { findDaemon, listDaemons } from '../../store/daemons.ts'
import { findPool, listPools } from '../../store/pools.ts'
import type { Tx, Work } from '../../store/port.ts'
import { findProfile, listProfiles } from '../../store/profiles.ts'
import { knownRepo, listRepos } from '../../store/repos.ts'

export interface Resolved {
  readonly poolId: string | null
  readonly daemonId: string | null
  readonly profiles: readonly ProfileView[]
}

/** Harnesses that every host knows, installed or not; a host's own come from its offer. */
/** Each has a form for a terminal; those that a host defines in daemon.toml have none. */
export const builtInHarnesses = ['claude-code', 'codex', 'gemini-cli', 'opencode', 'pi', 'shell']

/** Looks up what the body names. One that names nothing costs no query. */
export function* resolveNames(tx: Tx, teamId: string, body: TaskCreate): Work<Resolved> {
  if (body.repo !== undefined) yield* requireRepo(tx, teamId, body.repo)
  if (body.harness !== undefined) yield* requireHarness(tx, teamId, body.harness)
  const pool = body.pool === undefined ? null : yield* requirePool(tx, teamId, body.pool)
  const daemon = body.daemon === undefined ? null : yield* requireDaemon(tx, teamId, body.daemon)
  if (pool !== null && daemon !== null && daemon.pool !== pool.id)
    throw new Problem('contradiction', `daemon ${daemon.name} is not in pool ${pool.name}`)
  const profiles = yield* requireProfiles(tx, teamId, body.profiles ?? [])
  refuseOtherHarness(profiles, body.harness)
  return { poolId: pool?.id ?? null, daemonId: daemon?.id ?? null, profiles }
}

function* requireRepo(tx: Tx, teamId: string, slug: string): Work<void> {
  if (yield* knownRepo(tx, teamId, slug)) return
  const known = (yield* listRepos(tx, teamId)).map((repo) => repo.slug)
  throw unknown('unknown_repo', 'repository', slug, known)
}

/** Throws `unknown_harness`. */
export function* requireHarness(tx: Tx, teamId: string, harness: string): Work<void> {
  if (builtInHarnesses.includes(harness)) return
  const daemons = yield* listDaemons(tx, teamId)
  const known = new Set([...builtInHarnesses, ...daemons.flatMap((each) => each.harnesses.map((found) => found.name))])
  if (!known.has(harness)) throw unknown('unknown_harness', 'harness', harness, [...known])
}

/** Throws `unknown_pool`. */
export function* requirePool(tx: Tx, teamId: string, idOrName: string): Work<PoolView> {
  const pool = yield* findPool(tx, teamId, idOrName)
  if (pool !== null) return pool
  const known = (yield* listPools(tx, teamId)).map((each) => each.name)
  throw unknown('unknown_pool', 'pool', idOrName, known)
}

function* requireDaemon(tx: Tx, teamId: string, idOrName: string): Work<DaemonRecord> {
  const daemon = yield* findDaemon(tx, teamId, idOrName)
  if (daemon !== null) return daemon
  const known = (yield* listDaemons(tx, teamId)).map((each) => each.name)
  throw unknown('unknown_daemon', 'daemon', idOrName, known)
}

/** Profiles in the order they were named, each once. */
export function* requireProfiles(tx: Tx, teamId: string, names: readonly string[]): Work<ProfileView[]> {
  const found = new Map<string, ProfileView>()
  for (const name of names) {
    const profile = yield* findProfile(tx, teamId, name)
    if (profile === null) {
      const known = (yield* listProfiles(tx, teamId)).map((each) => each.name)
      throw unknown('unknown_profile', 'profile', name, known)
    }
    found.set(profile.id, profile)
  }
  return [...found.values()]
}

function refuseOtherHarness(profiles: readonly ProfileView[], harness: string | undefined): void {
  const other = profiles.find(({ settings }) => settings.harness !== undefined && settings.harness !== harness)
  if (harness === undefined || other === undefined) return
  throw new Problem(
    'contradiction',
    `harness ${harness} and profile ${other.name}, which is for harness ${other.settings.harness}`,
  )
}

/** `there is no pool "bild"; did you mean build? There are build, test`; at most twenty are named. */
function unknown(code: ProblemCode, what: string, given: string, known: readonly string[]): Problem {
  const none = `there is no ${what} ${JSON.stringify(given)}`
  if (known.length === 0) return new Problem(code, `${none}; there is none at all yet`)
  const near = nearest(given, known)
  const meant = near === null ? '' : `; did you mean ${near}?`
  const shown = known.slice(0, 20).join(', ')
  return new Problem(
    code,
    `${none}${meant}${meant === '' ? '; there' : ' There'} ${known.length === 1 ? 'is' : 'are'} ${shown}${known.length > 20 ? ` and ${known.length - 20} more` : ''}`,
  )
}

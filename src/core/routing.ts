// Which daemon suits which task. Requirements hash to a lane; a daemon's fit is decided once per lane, never per task.

/** What a task needs of a daemon. Equal requirements share a lane. Names are slugs and ids as text; null means any. */
export interface Requirements {
  readonly teamId: string
  readonly pool: string | null
  /** Pinned daemon id. */
  readonly daemon: string | null
  readonly repo: string | null
  readonly role: string | null
  readonly type: string
  readonly harness: string | null
  /** Allowed profile ids; empty means any. */
  readonly profiles: readonly string[]
  readonly labels: readonly string[]
}

/** What a daemon has, as routing sees it. */
export interface Offer {
  readonly daemonId: string
  readonly teamId: string
  readonly pool: string | null
  readonly repos: readonly string[]
  readonly roles: readonly string[]
  readonly labels: readonly string[]
  /** Empty: every type. */
  readonly types: readonly string[]
  /** Harnesses that are present and signed in, the host's preference first. */
  readonly harnesses: readonly string[]
  /** Those of them that are chosen for a task that names none; a shell is not, a prompt is no script. */
  readonly unnamed: readonly string[]
  /** By slug: the harness that a repository's own file names for tasks that name none. Absent: no repository does. */
  readonly repoHarness?: Readonly<Record<string, string>>
  /** Profiles the daemon serves, in its priority order; the built-in default is behind them. */
  readonly profiles: readonly OfferedProfile[]
  /** Requirement fields the daemon insists on, such as `role=qa`. */
  readonly only: Readonly<Record<string, string>>
}

export interface OfferedProfile {
  readonly id: string
  /** The harness the profile fixes; null lets the task or the host choose. */
  readonly harness: string | null
  /** It holds its runs in a sandbox: a host that serves such a profile runs nothing without one. */
  readonly sandboxed?: boolean
}

export type Need = 'team' | 'pool' | 'daemon' | 'repo' | 'role' | 'type' | 'labels' | 'harness' | 'profiles' | 'only'

/** A fit names the profile (null: the built-in default), its place in the daemon's order, and the harness (null: the host's first). */
export type Fit =
  | { readonly fits: true; readonly profile: string | null; readonly rank: number; readonly harness: string | null }
  | { readonly fits: false; readonly lacks: Need }

/** The lane's key: equal for equal requirements, whatever the order labels and profiles were written in. */
export function laneKey(needs: Requirements): string {
  const { teamId, pool, daemon, repo, role, type, harness } = needs
  return JSON.stringify([
    teamId,
    pool,
    daemon,
    repo,
    role,
    type,
    harness,
    [...needs.profiles].sort(),
    [...needs.labels].sort(),
  ])
}

/** The order in which needs are checked and spoken of. */
export const needsInOrder = [
  'team',
  'pool',
  'daemon',
  'repo',
  'role',
  'type',
  'labels',
  'harness',
  'profiles',
  'only',
] as const

/** Decides whether a daemon fits a lane. Pure; call it once per lane and offer, keep the answer. */
export function fitOf(needs: Requirements, offer: Offer): Fit {
  for (const need of needsInOrder) if (!meets(need, needs, offer)) return { fits: false, lacks: need }
  const rank = offer.profiles.findIndex((profile) => profileFits(needs, offer, profile))
  const profile = offer.profiles[rank]
  if (profile === undefined) return { fits: true, profile: null, rank: offer.profiles.length, harness: needs.harness }
  return { fits: true, profile: profile.id, rank, harness: needs.harness ?? profile.harness }
}

/** True when this one need is met; `fitOf` is all of them. */
export function meets(need: Need, needs: Requirements, offer: Offer): boolean {
  switch (need) {
    case 'team':
      return offer.teamId === needs.teamId
    case 'pool':
      return needs.pool === null || offer.pool === needs.pool
    case 'daemon':
      return needs.daemon === null || offer.daemonId === needs.daemon
    case 'repo':
      return needs.repo === null || offer.repos.includes(needs.repo)
    case 'role':
      return needs.role === null || offer.roles.includes(needs.role)
    case 'type':
      return offer.types.length === 0 || offer.types.includes(needs.type)
    case 'labels':
      return needs.labels.every((label) => offer.labels.includes(label))
    case 'harness':
      return harnessMet(needs, offer)
    case 'profiles':
      return profilesMet(needs, offer)
    case 'only':
      return Object.entries(offer.only).every(([key, value]) => onlyMet(needs, key, value))
  }
}

/**
 * A task that names neither harness nor profile needs one that its repository names or that is chosen unasked; a profile's own harness is judged
 * with the profile. The repository's word is of its newest commit, and another base may say otherwise: so it opens a way and closes none.
 */
function harnessMet(needs: Requirements, offer: Offer): boolean {
  if (needs.harness !== null) return offer.harnesses.includes(needs.harness)
  const byProfile = offer.profiles.some((profile) => profile.harness !== null && profileFits(needs, offer, profile))
  const ofRepo = needs.repo === null ? undefined : offer.repoHarness?.[needs.repo]
  return byProfile || offer.unnamed.length > 0 || (ofRepo !== undefined && offer.harnesses.includes(ofRepo))
}

function profilesMet(needs: Requirements, offer: Offer): boolean {
  if (offer.profiles.some((profile) => profileFits(needs, offer, profile))) return true
  return needs.profiles.length === 0 && offer.profiles.every((profile) => leavesFree(needs, profile))
}

/** A profile for another harness than the task's own says nothing about the task, unless it is there to hold runs in a sandbox. */
function leavesFree({ harness }: Requirements, profile: OfferedProfile): boolean {
  const another = harness !== null && profile.harness !== null && profile.harness !== harness
  return another && profile.sandboxed !== true
}

function profileFits(needs: Requirements, offer: Offer, profile: OfferedProfile): boolean {
  if (needs.profiles.length > 0 && !needs.profiles.includes(profile.id)) return false
  if (profile.harness === null) return true
  return offer.harnesses.includes(profile.harness) && (needs.harness === null || needs.harness === profile.harness)
}

/** What a daemon's `--only` may name. */
export const onlyKeys = ['repo', 'role', 'pool', 'harness', 'type', 'label'] as const

function onlyMet(needs: Requirements, key: string, value: string): boolean {
  if (key === 'label') return needs.labels.includes(value)
  const field = onlyKeys.find((known) => known === key)
  return field !== undefined && field !== 'label' && needs[field] === value
}

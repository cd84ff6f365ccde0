// The home of a sandboxed run: a folder of its own on the disk, with the few files of its harness that it needs.

import { chmodSync, existsSync, lchownSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { RunUser } from '../../lib/exec.ts'
import { readOwn } from '../../lib/plain-file.ts'
import type { Harness, HostProbe, TokenEntry } from '../harness/port.ts'
import type { Mount } from './mounts.ts'
import { mountOf } from './mounts.ts'
import { expandHome, realPath } from './places.ts'
import type { BoxRequest, PlacedPath } from './port.ts'

/** No settings file is larger; a CLI's state grows to some megabytes. */
const maxCopied = 16_777_216

/** A file of credentials, and the copy that the run has of it. */
export interface TokenCopy {
  /** The host's own. */
  readonly path: string
  readonly copy: string
  /** The copy lies in a folder that the agent writes to, so it may have become anything; else its place is the daemon's alone. */
  readonly exposed: boolean
  readonly entries: readonly TokenEntry[]
}

/** The home of conversations: they lie in it as they would in the user's. */
interface Kept {
  readonly env: HostProbe['env']
  readonly home: string
  readonly user: RunUser | null
}

/** That home itself, which is its run user's. */
export function makeKeptHome(home: string, user: RunUser | null): void {
  mkdirSync(home, { recursive: true, mode: 0o700 })
  if (user === null) return
  chmodSync(dirname(home), 0o711) // to be passed through, not looked at
  lchownSync(home, user.uid, user.gid)
}

/** An adapter's list with the place of each folder of conversations, which are made where they are not there yet. */
export function placeHome(list: NonNullable<Harness['homePaths']>, { env, home, user }: Kept): readonly PlacedPath[] {
  makeKeptHome(home, user)
  const kept = list({ HOME: home })
  return list(env).map((each, at): PlacedPath => {
    if (each.access === 'read' && each.made === true) makeAs(user, expandHome(each.path, env.HOME ?? '/nonexistent'))
    if (each.access !== 'kept') return each
    const source = kept[at]?.path
    if (source === undefined) throw new Error(`${each.path} has no place to be kept in`)
    makeAs(user, source)
    return { ...each, source }
  })
}

type Homes = Pick<BoxRequest, 'homePaths'> & { readonly host: Pick<BoxRequest['host'], 'home'> }

/**
 * The home and the harness's own places in it. What is `fresh` is made anew in `box`; what is to be read or copied is left out where the host
 * does not have it.
 */
export function homePlaces(request: Homes & Pick<BoxRequest, 'user'>, box: string): readonly Mount[] {
  rmSync(homesIn(box), { recursive: true, force: true })
  const fresh = freshPlaces(request, box)
  for (const { source } of fresh) mkdirSync(source, { recursive: true, mode: 0o700 })
  const places = named(request)
  for (const { path, access } of places) if (access === 'copy') putCopy(path, placeIn(fresh, path), request.user)
  const bound = places.flatMap((each): readonly Mount[] => {
    if (each.access === 'kept') return [{ kind: 'write', path: each.path, source: each.source }]
    return each.access === 'read' && realPath(each.path) !== null ? [{ kind: 'read', path: each.path }] : []
  })
  const tokens = tokenCopies(request, box)
    .filter(({ path, copy }) => putCopy(path, copy, request.user))
    .filter(({ exposed }) => !exposed)
    .map(({ path, copy }) => ({ kind: 'write' as const, path, source: copy }))
  return [...fresh, ...bound, ...tokens]
}

/** Where a run's copies of credentials lie: the same at its start and after any restart of the daemon. */
export function tokenCopies(request: Homes, box: string): readonly TokenCopy[] {
  const fresh = freshPlaces(request, box)
  return named(request).flatMap((each, at) => {
    if (each.access !== 'tokens') return []
    const direct = directPlaceIn(fresh, each.path)
    const copy = direct ?? join(homesIn(box), `tokens-${at}`)
    return [{ path: each.path, copy, exposed: direct !== null, entries: each.entries }]
  })
}

function homesIn(box: string): string {
  return join(box, 'homes')
}

function named({ homePaths, host }: Homes): BoxRequest['homePaths'] {
  return homePaths.map((each) => ({ ...each, path: realOrAsked(expandHome(each.path, host.home)) }))
}

type Fresh = Mount & { readonly kind: 'hidden'; readonly source: string }

function freshPlaces(request: Homes, box: string): readonly Fresh[] {
  const own = named(request).filter(({ access }) => access === 'fresh')
  return [homeInside(request.host.home), ...own.map(({ path }) => path)].map((path, at) => {
    return { kind: 'hidden', path, writable: true, source: join(homesIn(box), String(at)) }
  })
}

/** Makes a folder as the user would: it is theirs, and is not made by way of a link to a place that is not. */
export function makeAs(user: RunUser | null, path: string): void {
  const above = nearest(path)
  if (above === path || (user !== null && statSync(above).uid !== user.uid)) return
  const first = mkdirSync(path, { recursive: true, mode: 0o700 })
  if (user === null || first === undefined) return
  for (let at = path; at.length >= first.length; at = dirname(at)) lchownSync(at, user.uid, user.gid)
}

/** The path, or the folder above it that is there. */
function nearest(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearest(dirname(path))
}

/** Where the run's home is: some users have none, and a folder cannot be made where nothing may be written. */
export function homeInside(home: string): string {
  return realPath(home) ?? '/run/capstan/home'
}

/** A place that is not there yet lies where its folder really is. */
function realOrAsked(path: string): string {
  const real = realPath(path)
  if (real !== null || dirname(path) === path) return real ?? path
  return join(realOrAsked(dirname(path)), relative(dirname(path), path))
}

/** Where the path lies in the fresh folder that holds it; null: in none. */
function placeIn(fresh: readonly Mount[], path: string): string | null {
  const home = mountOf(path, fresh)
  return home?.kind !== 'hidden' || home.source === undefined ? null : join(home.source, relative(home.path, path))
}

/** The same, where no folder between could be swapped by the agent: the CLI may then replace the file as a whole. */
function directPlaceIn(fresh: readonly Mount[], path: string): string | null {
  return mountOf(dirname(path), fresh)?.path === dirname(path) ? placeIn(fresh, path) : null
}

/** False when there is nothing to copy that is the run's user's. */
function putCopy(path: string, copy: string | null, user: RunUser | null): boolean {
  const bytes = copy === null ? null : readOwn(path, user?.uid ?? null, maxCopied)
  if (bytes === null || copy === null) return false
  mkdirSync(dirname(copy), { recursive: true, mode: 0o700 })
  writeFileSync(copy, bytes, { mode: 0o600 })
  return true
}

// The home of a sandboxed run: a folder of its own on the disk, with the few files of its harness that it needs.

import { copyFileSync, existsSync, lchownSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { RunUser } from '../../lib/exec.ts'
import type { Mount } from './mounts.ts'
import { mountOf } from './mounts.ts'
import { expandHome, realPath } from './places.ts'
import type { BoxRequest } from './port.ts'

/** No settings file is larger; a CLI's state grows to some megabytes. */
const maxCopied = 16_777_216

/**
 * The home and the harness's own places in it. What is `fresh` is made anew in `box`; what is to be `write` or `read` is left out where the
 * host does not have it.
 */
export function homePlaces({ homePaths, host }: BoxRequest, box: string): readonly Mount[] {
  const homes = join(box, 'homes')
  rmSync(homes, { recursive: true, force: true })
  const named = homePaths.map(({ path, access }) => ({ access, path: realOrAsked(expandHome(path, host.home)) }))
  const asked = [homeInside(host.home), ...named.filter(({ access }) => access === 'fresh').map(({ path }) => path)]
  const fresh = asked.map((path, at): Mount => {
    const source = join(homes, String(at))
    mkdirSync(source, { recursive: true, mode: 0o700 })
    return { kind: 'hidden', path, writable: true, source }
  })
  for (const { path, access } of named) if (access === 'copy') copyInto(path, fresh)
  const bound = named.flatMap(({ path, access }): Mount[] => {
    if ((access !== 'read' && access !== 'write') || realPath(path) === null) return []
    return [{ kind: access, path }]
  })
  return [...fresh, ...bound]
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

function copyInto(path: string, fresh: readonly Mount[]): void {
  const stat = statSync(path, { throwIfNoEntry: false })
  const home = mountOf(path, fresh)
  if (stat?.isFile() !== true || stat.size > maxCopied || home?.kind !== 'hidden' || home.source === undefined) return
  const copy = join(home.source, relative(home.path, path))
  mkdirSync(dirname(copy), { recursive: true, mode: 0o700 })
  copyFileSync(path, copy)
}

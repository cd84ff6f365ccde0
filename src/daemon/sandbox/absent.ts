// Hidden paths outside the workspace are not there at all where the folder that holds them cannot be written anyway: it is made anew in memory,
// with everything else that it holds. In a folder that the agent writes to a name can only be made to look empty: another folder in its place
// would take what the agent writes there.

import { readdirSync, readlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Mount } from './mounts.ts'
import { mountOf } from './mounts.ts'
import { isOfSystem } from './places.ts'

/** Each sibling is a mount of its own; a folder with more of them shows an empty name instead. */
const maxSiblings = 64

/** The mounts that leave the paths out; the second list has those that could not be left out. */
export function leaveOut(
  paths: readonly string[],
  visible: readonly Mount[],
): { readonly mounts: readonly Mount[]; readonly rest: readonly string[] } {
  const byFolder = [...Map.groupBy(paths, (path) => dirname(path))]
  const made = byFolder.map(([folder, hidden]) => ({ hidden, mounts: withoutThem(folder, new Set(hidden), visible) }))
  return {
    mounts: made.flatMap(({ mounts }) => mounts ?? []),
    rest: made.flatMap(({ hidden, mounts }) => (mounts === null ? hidden : [])),
  }
}

/** Null: it cannot be made anew. */
function withoutThem(folder: string, hidden: ReadonlySet<string>, visible: readonly Mount[]): readonly Mount[] | null {
  if (isOfSystem(folder) || mountOf(folder, visible) !== null) return null
  const placed = new Set(visible.map(({ path }) => path))
  try {
    const entries = readdirSync(folder, { withFileTypes: true })
    if (entries.length > maxSiblings) return null
    const siblings = entries.flatMap((entry): readonly Mount[] => {
      const path = join(folder, entry.name)
      if (hidden.has(path) || placed.has(path)) return []
      if (entry.isSymbolicLink()) return [{ kind: 'link', path, target: readlinkSync(path) }]
      return entry.isFile() || entry.isDirectory() ? [{ kind: 'read', path, source: path }] : []
    })
    return [{ kind: 'hidden', path: folder, writable: false }, ...siblings]
  } catch {
    return null // not to be listed by this user
  }
}

// What a sandboxed run sees of the file system, as a list of mounts; the deepest one that holds a path decides what happens there.

/**
 * `deny`: reading is an error. `empty`: there, with nothing in it. `hidden`: a fresh folder of the run's own, in memory or at `source`. `link`: a
 * symbolic link, in such a folder.
 */
export type Mount =
  | { readonly kind: 'hidden'; readonly path: string; readonly writable: boolean; readonly source?: string }
  | { readonly kind: 'read' | 'write'; readonly path: string; readonly source?: string }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'deny' | 'empty'; readonly path: string; readonly folder: boolean }

/** Of two mounts at one path the later in this row is taken: a repository is hidden unless it is the workspace, and what is denied stays so. */
const rank: Readonly<Record<Mount['kind'], number>> = { hidden: 0, link: 1, read: 2, write: 3, empty: 4, deny: 5 }

/**
 * Shallow before deep, so that each is made inside what holds it; one mount per path. What would cover something inside a hidden folder is
 * left out: there is nothing to cover, and its name would show. So is what can be read already.
 */
export function ordered(mounts: readonly Mount[]): readonly Mount[] {
  const kept = new Map<string, Mount>()
  for (const mount of mounts) {
    const before = kept.get(mount.path)
    if (before === undefined || rank[mount.kind] >= rank[before.kind]) kept.set(mount.path, mount)
  }
  const depth = (path: string) => path.split('/').length
  const sorted = [...kept.values()].sort((a, b) => depth(a.path) - depth(b.path) || (a.path < b.path ? -1 : 1))
  const laid: Mount[] = []
  for (const mount of sorted) {
    const below = laid.findLast((each) => holds(each, mount.path))?.kind ?? 'read'
    const covers = mount.kind === 'deny' || mount.kind === 'empty' || (mount.kind === 'hidden' && !mount.writable)
    const there = mount.kind === 'read' && mount.source === undefined && below === 'read'
    if (!there && !(covers && below === 'hidden')) laid.push(mount)
  }
  return laid
}

function holds(mount: Mount, path: string): boolean {
  return path === mount.path || path.startsWith(`${mount.path}/`)
}

/** What happens at `path`, as these mounts are laid; null: the host's file system, read-only. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | null {
  return ordered(mounts).findLast((mount) => holds(mount, path)) ?? null
}

/** Room for what programs leave in their home and in /tmp; their large files belong into TMPDIR, which is on the disk. */
const hiddenBytes = 1_073_741_824
const closedBytes = 1_048_576

/** bwrap's arguments for the mounts. `emptyFile`: a file of no bytes on the host. */
export function mountArguments(mounts: readonly Mount[], emptyFile: string): readonly string[] {
  const sorted = ordered(mounts)
  // a fresh folder that nobody may write is closed only when everything inside it has been mounted
  const closed = sorted.filter((mount) => mount.kind === 'hidden' && !mount.writable && mount.source === undefined)
  const made = sorted.flatMap((mount) => argumentsOf(mount, emptyFile))
  return [...made, ...closed.flatMap(({ path }) => ['--remount-ro', path])]
}

function argumentsOf(mount: Mount, emptyFile: string): readonly string[] {
  const { path } = mount
  switch (mount.kind) {
    case 'hidden':
      if (mount.source !== undefined) return ['--bind', mount.source, path]
      return ['--size', String(mount.writable ? hiddenBytes : closedBytes), '--tmpfs', path]
    case 'read':
      return ['--ro-bind', mount.source ?? path, path]
    case 'link':
      return ['--symlink', mount.target, path]
    case 'write':
      return ['--bind', mount.source ?? path, path]
    case 'empty':
      return mount.folder ? ['--size', '4096', '--tmpfs', path, '--remount-ro', path] : ['--ro-bind', emptyFile, path]
    case 'deny':
      return mount.folder
        ? ['--perms', '0000', '--size', '4096', '--tmpfs', path, '--remount-ro', path]
        : ['--ro-bind', '/dev/null', path]
  }
}

// Whole folders: removed without holding up the process, and measured.

import { lstatSync } from 'node:fs'
import { chmod, lstat, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Removes a folder and all in it, also folders without write permission, as package caches make them. Links are removed, never followed. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM'))) throw error
    await openFolders(path)
    await rm(path, { recursive: true, force: true })
  }
}

export async function openFolders(path: string): Promise<void> {
  if (!(await lstat(path)).isDirectory()) return
  await chmod(path, 0o700)
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await openFolders(join(path, entry.name))
  }
}

/** What a disk's block counts in `stat`, bytes. Source: POSIX, st_blocks. */
const blockBytes = 512

/** What the folder takes on the disk, bytes; 0 when it is gone. Links are not followed, a file with two names counts twice. */
export async function bytesOf(path: string): Promise<number> {
  let bytes = 0
  const waiting = [path]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const own = lstatSync(at, { throwIfNoEntry: false })
    bytes += (own?.blocks ?? 0) * blockBytes
    if (own?.isDirectory() !== true) continue
    const entries = await readdir(at, { withFileTypes: true }).catch(() => []) // gone or unreadable: it counts as empty
    for (const entry of entries) {
      const inner = join(at, entry.name)
      if (entry.isDirectory()) waiting.push(inner)
      else bytes += (lstatSync(inner, { throwIfNoEntry: false })?.blocks ?? 0) * blockBytes
    }
  }
  return bytes
}

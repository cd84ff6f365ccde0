// Files that are whole or not there: written beside, synced, renamed.

import {
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** Replaces a file's content; after a crash it holds the old or the new text, never a part. Mode 0600 unless told. */
export function writeFileAtomic(path: string, text: string, mode = 0o600): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const beside = `${path}.${process.pid}.tmp`
  const file = openNew(beside, mode)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(beside, path)
}

/** What a crash, or somebody else in that folder, left in its place goes first; a link there is never followed. */
function openNew(path: string, mode: number): number {
  try {
    return openSync(path, 'wx', mode)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    rmSync(path, { recursive: true, force: true })
    return openSync(path, 'wx', mode)
  }
}

const readNow = constants.O_RDONLY | constants.O_NONBLOCK

/** The file's text, or null when there is no such file. Any other failure is thrown. A pipe reads as empty: it is never waited for. */
export function readFileIfThere(path: string): string | null {
  try {
    return readFileSync(path, { encoding: 'utf8', flag: readNow })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

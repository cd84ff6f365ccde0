// Files in a folder that somebody else may write to, such as a run's with --run-as: opened only where they are plain files of one name.
// Never through a link, which would lead a daemon of root anywhere, and never waited for.

import { closeSync, constants, fstatSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'

const { O_APPEND, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants

/** Something else lies where the file was: somebody put it there. */
export class NotPlain extends Error {}

/** To read, `null` when there is nothing. Throws `NotPlain` for a link, a pipe, a folder. The caller closes it. */
export function openToRead(path: string): number | null {
  return opened(path, O_RDONLY)
}

/** Its bytes; null when it is not there, or is no plain file. */
export function readPlain(path: string): Buffer | null {
  try {
    const file = openToRead(path)
    if (file === null) return null
    try {
      return readFileSync(file)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (error instanceof NotPlain) return null
    throw error
  }
}

/**
 * The bytes of a file of that user, by whatever links lead there: what is somebody else's, such as root's by a link that the user made, is none.
 * `uid` null: whoever's. Null when there is no such file, or it is larger than `maxBytes`.
 */
export function readOwn(path: string, uid: number | null, maxBytes: number): Buffer | null {
  let file: number
  try {
    file = openSync(path, O_RDONLY | O_NONBLOCK)
  } catch {
    return null // not there, or not to be read
  }
  try {
    const seen = fstatSync(file)
    const isTheirs = uid === null || seen.uid === uid
    return seen.isFile() && isTheirs && seen.size <= maxBytes ? readFileSync(file) : null
  } finally {
    closeSync(file)
  }
}

/** Size in bytes; null when it is not there, or is no plain file. */
export function plainSize(path: string): number | null {
  try {
    const file = openToRead(path)
    if (file === null) return null
    try {
      return fstatSync(file).size
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (error instanceof NotPlain) return null
    throw error
  }
}

/** The file as it is, and what `add` makes of it appended. It must be there. Throws `NotPlain`. */
export function appendToPlain(
  path: string,
  add: (file: { readonly size: number; content(): Buffer }) => Uint8Array,
): void {
  const file = opened(path, O_RDWR | O_APPEND)
  if (file === null) throw new NotPlain(`${path} is gone`)
  try {
    const seen = fstatSync(file)
    if (seen.nlink > 1) throw new NotPlain(`${path} has another name`)
    const missing = add({ size: seen.size, content: () => readFileSync(file) })
    for (let done = 0; done < missing.length; ) done += writeSync(file, missing, done)
  } finally {
    closeSync(file)
  }
}

/** A new file in the place of whatever lies there. Mode 0600. */
export function writePlain(path: string, content: string | Uint8Array): void {
  rmSync(path, { recursive: true, force: true })
  writeFileSync(path, content, { mode: 0o600, flag: 'wx' })
}

function opened(path: string, flags: number): number | null {
  const file = openOrNull(path, flags)
  if (file === null || fstatSync(file).isFile()) return file
  closeSync(file)
  throw new NotPlain(`${path} is no plain file`)
}

function openOrNull(path: string, flags: number): number | null {
  try {
    return openSync(path, flags | O_NOFOLLOW | O_NONBLOCK)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    if (code === 'ENOENT') return null
    // a link, a socket, a pipe without a reader, a folder
    if (code === 'ELOOP' || code === 'ENXIO' || code === 'EISDIR') throw new NotPlain(`${path} is no plain file`)
    throw error
  }
}

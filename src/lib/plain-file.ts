// Files in a folder that somebody else may write to, such as a run's with --run-as: opened only where they are plain files of one name.
// Never through a link, which would lead a daemon of root anywhere, and never waited for.

import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'

const { O_APPEND, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants

/** Something else lies where the file was: somebody put it there. */
export class NotPlain extends Error {}

/** To read, `null` when there is nothing. Throws `NotPlain` for a link, a pipe, a folder. The caller closes it. */
export function openToRead(path: string): number | null {
  return opened(path, O_RDONLY)
}

/** Its bytes; null when it is not there, is no plain file, or is larger than `maxBytes`. */
export function readPlain(path: string, maxBytes: number): Buffer | null {
  return ofPlain(path, (file) => {
    const { size } = fstatSync(file)
    return size <= maxBytes ? firstBytes(file, size) : null
  })
}

/** Its first bytes, fewer where it is shorter; null when it is not there, or is no plain file. */
export function startOfPlain(path: string, bytes: number): Buffer | null {
  return ofPlain(path, (file) => firstBytes(file, Math.min(bytes, fstatSync(file).size)))
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
    return seen.isFile() && isTheirs && seen.size <= maxBytes ? firstBytes(file, seen.size) : null
  } finally {
    closeSync(file)
  }
}

/** Size in bytes; null when it is not there, or is no plain file. */
export function plainSize(path: string): number | null {
  return ofPlain(path, (file) => fstatSync(file).size)
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

function ofPlain<T>(path: string, look: (file: number) => T): T | null {
  try {
    const file = openToRead(path)
    if (file === null) return null
    try {
      return look(file)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (error instanceof NotPlain) return null
    throw error
  }
}

/** Never more than that, though the file may grow meanwhile; fewer where it has shrunk. */
function firstBytes(file: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  let done = 0
  while (done < bytes) {
    const read = readSync(file, buffer, done, bytes - done, done)
    if (read === 0) break
    done += read
  }
  return buffer.subarray(0, done)
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

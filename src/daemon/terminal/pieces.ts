// What a run's terminal showed: pieces `terminal.N` that its supervisor writes, of which the last few are kept.

import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'

/** A place in what was written. */
interface Place {
  readonly piece: number
  readonly offset: number
}

export class Pieces {
  readonly #runDir: string
  #at: Place

  /** Reads from the last `backlog` bytes on. */
  constructor(runDir: string, backlog: number) {
    this.#runDir = runDir
    this.#at = placeBefore(runDir, backlog)
  }

  /** True when the first byte is the terminal's first. */
  get whole(): boolean {
    return this.#at.piece === 1 && this.#at.offset === 0
  }

  /** What came since, at most so many bytes; empty: nothing yet. Of what was thrown away meanwhile it goes on with the oldest that is left. */
  read(most: number): Buffer {
    for (;;) {
      const bytes = readAt(this.#pathOf(this.#at.piece), this.#at.offset, most)
      if (bytes !== null && bytes.length > 0) {
        this.#at = { piece: this.#at.piece, offset: this.#at.offset + bytes.length }
        return bytes
      }
      const next = numbers(this.#runDir).find((each) => each > this.#at.piece)
      // Its own end is looked at once more: the piece may have grown before the next one was begun.
      if (next === undefined) return bytes ?? Buffer.alloc(0)
      const late = readAt(this.#pathOf(this.#at.piece), this.#at.offset, most)
      if (late !== null && late.length > 0) continue
      this.#at = { piece: next, offset: 0 }
    }
  }

  #pathOf(piece: number): string {
    return join(this.#runDir, `terminal.${piece}`)
  }
}

function placeBefore(runDir: string, backlog: number): Place {
  let left = backlog
  const all = numbers(runDir)
  for (const piece of all.toReversed()) {
    const { size } = lstatSync(join(runDir, `terminal.${piece}`), { throwIfNoEntry: false }) ?? { size: 0 }
    if (size >= left) return { piece, offset: size - left }
    left -= size
  }
  return { piece: all[0] ?? 1, offset: 0 }
}

function numbers(runDir: string): number[] {
  return readdirSync(runDir)
    .flatMap((name) => /^terminal\.(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

/** The agent can write to its run's folder: no link is followed, and no pipe waited for. */
const asItIs = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Null: the piece is not there. */
function readAt(path: string, offset: number, most: number): Buffer | null {
  let file: number
  try {
    file = openSync(path, asItIs)
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ELOOP')) return null
    throw error
  }
  try {
    if (!fstatSync(file).isFile()) return null
    const bytes = Buffer.alloc(most)
    return bytes.subarray(0, readSync(file, bytes, 0, most, offset))
  } finally {
    closeSync(file)
  }
}

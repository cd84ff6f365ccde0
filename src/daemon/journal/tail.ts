// One growing file as lines: whole lines only, in reads of 64 KiB, with bounded memory whatever the file holds.

import { closeSync, constants, fstatSync, openSync, read } from 'node:fs'
import { promisify } from 'node:util'
import type { Line } from '../harness/port.ts'

const readBytes = promisify(read)
const chunkBytes = 65_536
/** A longer line is no event of any CLI; its beginning is kept and its length told. */
const maxLineBytes = 8_388_608
const keptOfLongLine = 65_536
/** An agent can make its output terabytes long that are nowhere: beyond this they are passed over, in a line that is cut already. */
const holeBytes = 1_073_741_824
const newline = 10
/** Of one read: a flood of empty lines must not hold the process up. */
const maxLines = 2_000

export interface Read {
  readonly lines: readonly Line[]
  /** Bytes taken. */
  readonly bytes: number
  /** False: the end was reached. */
  readonly full: boolean
}

export class Tail implements Disposable {
  readonly #stream: Line['stream']
  readonly #file: number
  /** Where the first line lies that was not given out yet. */
  #offset: number
  /** The beginning of that line, read already. */
  #rest: Buffer[] = []
  #restBytes = 0
  /** Bytes of a line that is too long and was not kept. */
  #dropped = 0

  constructor(path: string, stream: Line['stream'], offset: number) {
    // A pipe in its place is not waited for, a link not followed: where the folder is the agent's, it would name what only the daemon may read.
    this.#file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
    this.#stream = stream
    this.#offset = offset
  }

  /** The end of the last line given out. */
  get offset(): number {
    return this.#offset
  }

  /** False also for a file that was truncated: it is to be read anew. */
  get atEnd(): boolean {
    return this.#position === fstatSync(this.#file).size
  }

  get #position(): number {
    return this.#offset + this.#restBytes + this.#dropped
  }

  /** Reads at most 64 KiB and 2,000 lines. A file that was truncated is read from its new beginning. */
  async read(): Promise<Read> {
    const { size, blocks } = fstatSync(this.#file)
    if (size < this.#position) this.#startAgain()
    const hole = size - this.#position - blocks * 512 // st_blocks counts in these
    if (this.#dropped > 0 && hole > holeBytes) this.#dropped += hole
    const chunk = Buffer.allocUnsafe(chunkBytes)
    const { bytesRead } = await readBytes(this.#file, chunk, 0, chunkBytes, this.#position)
    const bytes = endOfLines(chunk, bytesRead)
    const lines = bytes === 0 ? [] : this.#take(chunk.subarray(0, bytes))
    return { lines, bytes, full: bytesRead === chunkBytes }
  }

  /** The unfinished last line, when no process is left to finish it. */
  last(): readonly Line[] {
    return this.#restBytes + this.#dropped === 0
      ? []
      : [{ stream: this.#stream, text: this.#closeLine(Buffer.alloc(0), 0) }]
  }

  [Symbol.dispose](): void {
    closeSync(this.#file)
  }

  #take(chunk: Buffer): Line[] {
    const end = chunk.lastIndexOf(newline)
    if (end < 0) {
      this.#keep(chunk)
      return []
    }
    const first = chunk.indexOf(newline)
    const lines: Line[] = [{ stream: this.#stream, text: this.#closeLine(chunk.subarray(0, first), 1) }]
    if (end > first) this.#split(chunk.toString('utf8', first + 1, end), lines)
    this.#offset += end - first
    if (end + 1 < chunk.length) this.#keep(chunk.subarray(end + 1))
    return lines
  }

  #split(text: string, into: Line[]): void {
    const stream = this.#stream
    const carriageReturns = text.includes('\r')
    for (const line of text.split('\n')) {
      into.push({ stream, text: carriageReturns && line.endsWith('\r') ? line.slice(0, -1) : line })
    }
  }

  /** Keeps the beginning of a line whose end is not read yet; of one that is too long only the very beginning. */
  #keep(part: Buffer): void {
    if (this.#dropped > 0) {
      this.#dropped += part.length
      return
    }
    this.#rest.push(Buffer.from(part)) // a copy: the chunk must not stay in memory for its last bytes
    this.#restBytes += part.length
    if (this.#restBytes <= maxLineBytes) return
    const kept = Buffer.concat(this.#rest).subarray(0, keptOfLongLine)
    this.#dropped = this.#restBytes - kept.length
    this.#rest = [Buffer.from(kept)]
    this.#restBytes = kept.length
  }

  #closeLine(ending: Buffer, newlineBytes: number): string {
    const length = this.#restBytes + this.#dropped + ending.length
    const text = this.#dropped > 0 ? this.#shortened(length) : Buffer.concat([...this.#rest, ending]).toString('utf8')
    this.#offset += length + newlineBytes
    this.#rest = []
    this.#restBytes = 0
    this.#dropped = 0
    return text.endsWith('\r') ? text.slice(0, -1) : text
  }

  #shortened(length: number): string {
    return `${Buffer.concat(this.#rest).toString('utf8')} … [line of ${length} bytes cut]`
  }

  #startAgain(): void {
    this.#offset = 0
    this.#rest = []
    this.#restBytes = 0
    this.#dropped = 0
  }
}

/** Where the last line ends that one read takes, or all that was read. */
function endOfLines(chunk: Buffer, bytesRead: number): number {
  let at = -1
  for (let lines = 0; lines < maxLines; lines += 1) {
    at = chunk.indexOf(newline, at + 1)
    if (at < 0 || at >= bytesRead) return bytesRead
  }
  return at + 1
}

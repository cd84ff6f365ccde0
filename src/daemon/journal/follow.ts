// Follows a run's output files by byte offset, from where the journal left off to their end.

import { type FSWatcher, watch } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import type { Line } from '../harness/port.ts'
import { Wake } from '../wake.ts'
import { Tail } from './tail.ts'

/** Byte offsets: where the next line begins that was not committed. Always ends of lines, except after the very last. */
export interface Offsets {
  readonly stdout: number
  readonly stderr: number
}

export interface Follow {
  readonly runDir: string
  readonly offsets: Offsets
  /** Called with whole lines, in order within each stream, and the offsets to commit with them. Awaited before more is read. */
  onLines(lines: readonly Line[], offsetsAfter: Offsets): void | Promise<void>
  /** Settles when no process writes any more: then both files are read to their end, an unfinished last line included. */
  readonly ended: Promise<unknown>
  /** Stops at once, between two batches; nothing is lost, the offsets say where to go on. */
  readonly signal: AbortSignal
  readonly clock: Clock
  /** Asked between two reads once `ended` has settled: true leaves the rest unread. */
  enough?(): boolean
  /** How long lines may wait for others to be committed with. Default 200 ms. */
  readonly flushMs?: number
}

const defaultFlushMs = 200
/** Enough lines for a commit of their own: a message to the server carries at most 50 events. */
const linesPerBatch = 50
/** When the file system's notices fail us (network file systems, a full watch table). */
const pollMs = 250

/**
 * Resolves when `ended` has settled and all is delivered. Rejects with the signal's reason when it aborts, and with what `onLines` threw.
 * With `enough` the unread rest may be left. Splits at \n, drops a \r before it; invalid UTF-8 becomes U+FFFD; of a line beyond 8 MiB the first 64 KiB are given with a remark. When
 * there is more to read than was waited for, a batch holds the lines of one read: at most 64 KiB and 2,000 lines.
 */
export async function follow(options: Follow): Promise<void> {
  const { runDir, offsets, signal } = options
  signal.throwIfAborted()
  using stdout = new Tail(join(runDir, 'stdout.log'), 'stdout', offsets.stdout)
  using stderr = new Tail(join(runDir, 'stderr.log'), 'stderr', offsets.stderr)
  const follower = new Follower(options, [stdout, stderr])
  using _watched = follower.watch()
  await follower.run()
}

class Follower {
  readonly #options: Follow
  readonly #tails: readonly [Tail, Tail]
  readonly #news = new Wake()
  readonly #flushMs: number
  #lines: Line[] = []
  /** When the first of `#lines` was read, monotonic. */
  #since = 0
  #ended = false

  constructor(options: Follow, tails: readonly [Tail, Tail]) {
    this.#options = options
    this.#tails = tails
    this.#flushMs = options.flushMs ?? defaultFlushMs
    const end = () => {
      this.#ended = true
      this.#news.wake()
    }
    options.ended.then(end, end)
  }

  /** Without a watch the poll does it alone. */
  watch(): Disposable {
    let watcher: FSWatcher | null = null
    try {
      watcher = watch(this.#options.runDir, () => this.#news.wake())
      watcher.on('error', () => watcher?.close())
    } catch {
      // no watch left on this host (EMFILE, ENOSPC)
    }
    return { [Symbol.dispose]: () => watcher?.close() }
  }

  async run(): Promise<void> {
    const { signal } = this.#options
    while (true) {
      signal.throwIfAborted()
      const last = this.#ended // looked at before the files: what was written before the end is then read
      const more = await this.#readAll()
      if (last && this.#options.enough?.() === true) return await this.#flush()
      if (last && !more) break
      if (!more) await this.#pause()
    }
    this.#lines.push(...this.#tails.flatMap((tail) => tail.last()))
    await this.#flush()
  }

  /** Reads each file once; true when either has more. */
  async #readAll(): Promise<boolean> {
    let more = false
    for (const tail of this.#tails) {
      if (tail.atEnd) continue
      const { lines, bytes, full } = await tail.read()
      if (lines.length > 0) await this.#collect(lines, full)
      if (bytes > 0) more = true
    }
    return more
  }

  async #collect(lines: readonly Line[], full: boolean): Promise<void> {
    if (this.#lines.length === 0) this.#since = this.#options.clock.monotonic()
    for (const line of lines) this.#lines.push(line)
    if (full || this.#lines.length >= linesPerBatch) await this.#flush()
  }

  async #flush(): Promise<void> {
    if (this.#lines.length === 0) return
    const lines = this.#lines
    this.#lines = []
    const [stdout, stderr] = this.#tails
    this.#options.signal.throwIfAborted()
    await this.#options.onLines(lines, { stdout: stdout.offset, stderr: stderr.offset })
  }

  async #pause(): Promise<void> {
    const { clock, signal } = this.#options
    if (this.#lines.length === 0) return await this.#news.wait(clock, pollMs, signal)
    const waited = clock.monotonic() - this.#since
    if (waited >= this.#flushMs || this.#ended) return await this.#flush()
    await this.#news.wait(clock, Math.min(pollMs, this.#flushMs - waited), signal)
  }
}

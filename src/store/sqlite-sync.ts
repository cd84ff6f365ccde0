// Makes commits of a SQLite store durable: its write-ahead log is synced beside the event loop, once for all commits since the last time.
//
// SQLite itself would sync inside COMMIT and hold up everything meanwhile. What is synced is the same (`synchronous=NORMAL` leaves out
// nothing but that one call), and nobody is answered before it is done.

import { closeSync, fdatasync, openSync } from 'node:fs'

/** Called once the sync that covers a commit is over; with an error when it is not on disk and never will be. */
export type Settle = (error: Error | null) => void

export class LogSync {
  readonly #path: string | null
  readonly #ended: () => void
  #file: number | null = null
  #underWay: readonly Settle[] = []
  #waiting: Settle[] = []
  #failed: Error | null = null

  /** `path`: of the database; null when it is in memory. `ended` is called after each sync, when what it covered has been settled. */
  constructor(path: string | null, ended: () => void) {
    this.#path = path
    this.#ended = ended
  }

  /** A sync is under way and more is committed behind it: whoever commits now only makes transactions smaller. */
  get full(): boolean {
    return this.#underWay.length > 0 && this.#waiting.length > 0
  }

  get busy(): boolean {
    return this.#underWay.length > 0
  }

  /** After a sync that failed nothing can be trusted to reach the disk: what the system had to write may be forgotten. */
  get failed(): Error | null {
    return this.#failed
  }

  /** Settles as soon as all that was committed until now is on disk. `wrote`: something was committed a moment ago. */
  after(wrote: boolean, settle: Settle): void {
    if (this.#path === null || this.#failed !== null) {
      settle(this.#failed)
      return
    }
    if (!wrote && this.#waiting.length === 0) {
      // What it saw is on disk, or is what the sync under way covers.
      if (this.#underWay.length === 0) settle(null)
      else this.#underWay = [...this.#underWay, settle]
      return
    }
    this.#waiting.push(settle)
    if (this.#underWay.length === 0) this.#sync(this.#path)
  }

  /** Ends once all is settled. Nothing may be committed meanwhile. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.after(false, () => resolve()))
    if (this.#file !== null) closeSync(this.#file)
    this.#file = null
  }

  #sync(path: string): void {
    this.#underWay = this.#waiting
    this.#waiting = []
    try {
      fdatasync(this.#open(path), (error) => this.#over(path, error))
    } catch (error) {
      this.#over(path, error instanceof Error ? error : new Error(String(error)))
    }
  }

  #over(path: string, error: Error | null): void {
    this.#failed = error
    const covered = error === null ? this.#underWay : [...this.#underWay, ...this.#waiting.splice(0)]
    this.#underWay = []
    for (const settle of covered) settle(error)
    if (this.#waiting.length > 0 && this.#underWay.length === 0) this.#sync(path)
    this.#ended()
  }

  /** SQLite locks other files than this one, so a descriptor of our own takes no lock away. */
  #open(path: string): number {
    this.#file ??= openSync(`${path}-wal`, 'r+')
    return this.#file
  }
}

// The daemon's own clean-up: every hour, when the disk is short, and for a large repository right after a run is delivered.

import { messageOf } from '../../lib/error-text.ts'
import type { Log } from '../../lib/log.ts'
import { Wake } from '../wake.ts'
import { preparedWorkspace } from '../workspace/prepare.ts'
import { worthWarming } from '../workspace/warm-make.ts'
import { cleanUp } from './clean-up.ts'
import type { CleanUp } from './job.ts'
import { warmTerms } from './job.ts'

export interface CleaningOptions extends Pick<CleanUp, 'dataDir' | 'retention' | 'clock'> {
  readonly log: Log
  readonly stateDir: string
  /** True while there is too little disk to take work. */
  short(): boolean
  /** Keeps what the agents at work have made; called before room is made. */
  checkpoint(): Promise<void>
}

/** The first one waits until the start is over: adopting runs and claiming come first. */
const firstMs = 60_000
const everyMs = 3_600_000
/** While the disk stays short it is tried again: runs end meanwhile. */
const shortAgainMs = 300_000

export class Cleaning {
  readonly #options: CleaningOptions
  readonly #asked = new Wake()
  #delivered = false

  constructor(options: CleaningOptions) {
    this.#options = options
  }

  /** The server has a run's end: its worktree may be made ready for the next. */
  delivered(attemptId: string): void {
    const terms = { ...this.#options, dryRun: false, olderThanMs: null }
    try {
      const workspace = preparedWorkspace(terms.stateDir, attemptId)
      if (workspace === null || !worthWarming(workspace, warmTerms(terms, terms.stateDir))) return
      this.#delivered = true
      this.#asked.wake()
    } catch (error) {
      this.#options.log.warn({ attemptId, error: messageOf(error) }, 'worktree not looked at') // the hourly clean-up finds it
    }
  }

  /** The disk became short. */
  short(): void {
    this.#asked.wake()
  }

  /** Until the signal aborts. A clean-up that fails is logged; the next one comes. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    let dueAt = clock.monotonic() + firstMs
    while (!signal.aborted) {
      const waitMs = Math.max(0, dueAt - clock.monotonic())
      await this.#asked.wait(clock, waitMs, signal)
      const short = this.#options.short()
      const full = short || clock.monotonic() >= dueAt
      if (!full && !this.#delivered) continue
      this.#delivered = false
      await this.#once({ short, full }, signal)
      if (full) dueAt = clock.monotonic() + (this.#options.short() ? shortAgainMs : everyMs)
    }
  }

  async #once(
    { short, full }: { readonly short: boolean; readonly full: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const { dataDir, retention, clock, log } = this.#options
    const part = full ? {} : { onlyRuns: true as const }
    const terms = { dataDir, retention, clock, signal, dryRun: false, olderThanMs: null, ...part }
    try {
      if (short) await this.#options.checkpoint()
      const report = await cleanUp({ ...terms, enough: short ? () => !this.#options.short() : undefined })
      const { removed, recycled, kept, bytes } = report
      const counts = { removed: removed.length, recycled: recycled.length, kept: kept.length, bytes }
      if (removed.length + recycled.length > 0) log.info(counts, 'cleaned up')
      for (const { path, why } of kept) log.debug({ path, why }, 'kept by the clean-up')
    } catch (error) {
      if (!signal.aborted) log.warn({ error: messageOf(error) }, 'clean-up failed')
    }
  }
}

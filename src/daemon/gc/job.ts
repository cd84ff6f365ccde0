// What a clean-up is asked to do, and one under way.

import type { Clock } from '../../core/clock.ts'
import type { ProcessInfo } from '../../lib/proc.ts'
import type { WarmTerms } from '../workspace/warm-make.ts'
import type { Found } from './leftovers.ts'
import type { Ledger } from './report.ts'
import type { Retention } from './retention.ts'

export interface CleanUp {
  readonly dataDir: string
  readonly retention: Retention
  /** Says what would go, and changes nothing but that git may write objects while it compares. */
  readonly dryRun: boolean
  /** Instead of all of the retention's ages, ms. */
  readonly olderThanMs: number | null
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** Set when the disk is short: true once there is enough again. Then what is not due goes too, oldest first. */
  readonly enough?: (() => boolean) | undefined
  /** Only what runs left: repositories, ready worktrees and folders without a record wait for the next full one. */
  readonly onlyRuns?: true
  /** How long another clean-up of this data folder is waited for, ms. */
  readonly waitMs?: number
}

/** One clean-up under way. */
export interface Job extends CleanUp {
  readonly ledger: Ledger
  /** The root that Capstan made for workspaces. */
  readonly root: string
  readonly found: Found
  /** As they were when it began. */
  readonly processes: readonly ProcessInfo[]
}

/** What a daemon's ready worktrees go by. */
export function warmTerms(job: CleanUp, stateDir: string): WarmTerms {
  const { retention, clock, signal } = job
  return { stateDir, most: retention.warm, minFiles: retention.warmFiles, clock, signal }
}

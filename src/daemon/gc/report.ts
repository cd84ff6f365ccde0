// What a clean-up did or would do: one line per thing, with its size and why.

export type GcKind =
  /** A finished run's worktree or scratch folder, with the daemon's private git folder of it. */
  | 'workspace'
  /** A finished run's logs, prompt and patch. */
  | 'run'
  /** A workspace that was begun and never used. */
  | 'preparation'
  /** Ignored files (node_modules, target, …) of a finished run, when the disk is short. */
  | 'artifacts'
  /** A ready worktree that waited for a run. */
  | 'warm'
  /** What a setup left for later runs, and a package store. */
  | 'setup'
  | 'cache'
  /** Files of sandboxed runs' conversations, of one repository. */
  | 'conversation'
  | 'branch'
  /** A worktree that git lists and whose folder is gone. */
  | 'registration'
  /** What a daemon of this host keeps for a run that is not to be found any more. */
  | 'state'

export interface GcItem {
  readonly kind: GcKind
  /** Of a branch: `REPOSITORY: BRANCH`. */
  readonly path: string
  readonly attemptId: string | null
  /** On the disk. Files that others share (git's objects) are not in it. */
  readonly bytes: number
  /** Removed: what made it due. Kept: what could not be proved, or who needs it. */
  readonly why: string
}

export interface GcReport {
  readonly dryRun: boolean
  /** In a dry run: what would be. */
  readonly removed: readonly GcItem[]
  /** Due, but not proved safe to remove. */
  readonly kept: readonly GcItem[]
  /** Worktrees made ready for the next run instead of being deleted. */
  readonly recycled: readonly GcItem[]
  /** Finished runs that are not old enough. */
  readonly waiting: number
  /** Runs that are not over, or whose end the server does not have. */
  readonly needed: number
  /** Sum of `removed`. */
  readonly bytes: number
}

/** Collects the items of one clean-up. */
export class Ledger {
  readonly #removed: GcItem[] = []
  readonly #kept: GcItem[] = []
  readonly #recycled: GcItem[] = []
  waiting = 0
  needed = 0

  removed(item: GcItem): void {
    this.#removed.push(item)
  }

  kept(item: GcItem): void {
    this.#kept.push(item)
  }

  recycled(item: GcItem): void {
    this.#recycled.push(item)
  }

  /** True when the run's folder went, or would go. */
  names(attemptId: string): boolean {
    return this.#removed.some((item) => item.kind === 'run' && item.attemptId === attemptId)
  }

  report(dryRun: boolean): GcReport {
    const [removed, kept, recycled] = [this.#removed, this.#kept, this.#recycled]
    const bytes = removed.reduce((sum, item) => sum + item.bytes, 0)
    return { dryRun, removed, kept, recycled, waiting: this.waiting, needed: this.needed, bytes }
  }
}

// One run of a task by one daemon, and who owns it.

import type { AttemptId, DaemonId } from './id.ts'
import type { AttemptReason } from './reason.ts'

/** What never changes about an attempt once it is claimed. */
interface AttemptFacts {
  readonly id: AttemptId
  /** 1, 2, 3 … within the task. */
  readonly n: number
  /** The fence: raised with each claim. A write that names an older epoch is refused. */
  readonly epoch: number
  readonly daemonId: DaemonId
  readonly claimedAt: number
}

/**
 * `held`: the owner's lease runs. `lapsed`: it ran out, and nobody else has the task, so the owner may resume or deliver.
 * `stopping`: the task was cancelled; the owner is taking the tree down and may still report.
 */
export type Ownership = 'held' | 'lapsed' | 'stopping'

export interface OpenAttempt extends AttemptFacts {
  readonly state: 'preparing' | 'running'
  readonly ownership: Ownership
}

export type AttemptEnd = 'completed' | 'failed' | 'aborted' | 'timed_out' | 'lease_expired' | 'cancelled'

export interface EndedAttempt extends AttemptFacts {
  readonly state: AttemptEnd
  readonly reason: AttemptReason | null
  readonly detail: string
  readonly endedAt: number
  /** Who said so: the owner's report, or the server because the owner was not heard. A repeated report by the owner is acknowledged again. */
  readonly endedBy: 'owner' | 'server'
}

export type Attempt = OpenAttempt | EndedAttempt

export function isOpen(attempt: Attempt): attempt is OpenAttempt {
  return attempt.state === 'preparing' || attempt.state === 'running'
}

/** The attempt state that a reason ends in. */
export function endStateOf(reason: AttemptReason): AttemptEnd {
  if (reason === 'daemon_abort') return 'aborted'
  if (reason === 'timed_out') return 'timed_out'
  if (reason === 'lease_expired') return 'lease_expired'
  if (reason === 'cancelled') return 'cancelled'
  return 'failed'
}

// A durable piece of work as its state machine sees it. What a task says (prompt, repo …) is not here: only what decides.

import type { Attempt, OpenAttempt } from './attempt.ts'
import { isOpen } from './attempt.ts'
import type { AttemptId, DaemonId, TaskId } from './id.ts'
import type { AttemptReason, TaskReason } from './reason.ts'

/** What completion needs. */
export type Expect = 'changes' | 'output' | 'nothing'
export type Review = 'none' | 'required'
export type Verdict = 'pending' | 'accepted' | 'rejected'

/** The part of a task's input that steers its states. Never changes. */
export interface TaskTerms {
  readonly maxAttempts: number
  readonly retryOn: readonly AttemptReason[]
  readonly expect: Expect
  readonly review: Review
  /** ms since the epoch; null: no limit. Ends a task that is not at work by then. */
  readonly expiresAt: number | null
}

/** Why a task waits before it may be queued. */
export type WaitReason = 'condition' | 'run_at' | 'session_busy' | 'held'
/** Why a task is in the queue: for the first time, again after an attempt, after grace, because another may take it, or by hand. */
export type QueueReason = 'new' | 'retry' | 'host_offline' | 'given_back' | 'quota_over' | 'rerouted' | 'by_hand'

export type Status =
  | { readonly state: 'waiting'; readonly on: readonly WaitReason[] }
  | {
      readonly state: 'queued'
      readonly why: QueueReason /** Not claimable before this (backoff), ms. */
      readonly notBefore: number
    }
  | { readonly state: 'preparing' | 'running' }
  | {
      readonly state: 'parked'
      readonly why: 'quota' | 'host_offline' /** When it is looked at again, ms. */
      readonly until: number
      /** Of a quota: it waits for the limit's end wherever else it could run. */
      readonly stays?: true
    }
  | { readonly state: 'completed'; readonly verdict: Verdict; readonly message: string }
  | { readonly state: 'failed'; readonly reason: TaskReason; readonly detail: string }
  | { readonly state: 'cancelled'; readonly by: string; readonly message: string }
  | { readonly state: 'expired' }

export type TaskStateName = Status['state']
export const taskStates = [
  'waiting',
  'queued',
  'preparing',
  'running',
  'parked',
  'completed',
  'failed',
  'cancelled',
  'expired',
] as const satisfies readonly TaskStateName[]
export const terminalStates = [
  'completed',
  'failed',
  'cancelled',
  'expired',
] as const satisfies readonly TaskStateName[]

/** How much of the task's patience is spent. */
export interface Spent {
  /** Attempts that count against maxAttempts. */
  readonly charged: number
  /** Free ends (given back, lease expired) in a row. */
  readonly freeInARow: number
  /** The last agent failure, normalised; the same twice running stops retries. */
  readonly lastFailure: string | null
}

export interface Task {
  readonly id: TaskId
  readonly terms: TaskTerms
  readonly status: Status
  readonly spent: Spent
  /** The highest epoch given out; 0 before the first claim. */
  readonly epoch: number
  /** Raised by one with each log entry; also the compare-and-set fence of the row. */
  readonly version: number
  readonly attempts: readonly Attempt[]
}

export const nothingSpent: Spent = { charged: 0, freeInARow: 0, lastFailure: null }

export function isTerminal(task: Task): boolean {
  return (terminalStates as readonly string[]).includes(task.status.state)
}

/** The one attempt that may be open: always the latest. */
export function openAttempt(task: Task): OpenAttempt | null {
  const last = task.attempts.at(-1)
  return last !== undefined && isOpen(last) ? last : null
}

/** Who acts as an attempt's owner: the id and epoch its claim was granted with. */
export interface Owner {
  readonly attemptId: AttemptId
  readonly epoch: number
  readonly daemonId: DaemonId
}

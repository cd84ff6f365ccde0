// Decisions about the open attempt: what its owner reports, and what the server concludes from silence.

import type { Attempt, OpenAttempt } from './attempt.ts'
import { isOpen } from './attempt.ts'
import type { Decision } from './decision.ts'
import { ended, entries, nothing, refuse } from './decision.ts'
import type { AttemptId } from './id.ts'
import type { LogEntry } from './log-entry.ts'
import type { AttemptFailure, RetryPolicy } from './retry.ts'
import { afterFailure } from './retry.ts'
import type { Owner, Task } from './task.ts'
import { openAttempt } from './task.ts'

export interface Setting {
  readonly now: number
  readonly policy: RetryPolicy
  /** Who says that the attempt ended. */
  readonly by: 'owner' | 'server'
}

export function asOwner(task: Task, owner: Owner, then: (attempt: OpenAttempt) => Decision): Decision {
  const attempt = task.attempts.find((candidate) => candidate.id === owner.attemptId)
  const theirs = attempt !== undefined && attempt.epoch === owner.epoch && attempt.daemonId === owner.daemonId
  if (!theirs)
    return refuse('lease_lost', `${owner.attemptId} at epoch ${owner.epoch} is not an attempt this daemon owns`)
  if (isOpen(attempt)) return then(attempt)
  // The owner's own report, heard before: acknowledged again so that a repeated send ends.
  if (attempt.endedBy === 'owner') return nothing
  return refuse('lease_lost', `${attempt.id} ended as ${attempt.state}${why(attempt)}`)
}

export function asServer(task: Task, attemptId: AttemptId, then: (attempt: OpenAttempt) => Decision): Decision {
  const attempt = openAttempt(task)
  return attempt === null || attempt.id !== attemptId ? nothing : then(attempt)
}

function why(attempt: Exclude<Attempt, OpenAttempt>): string {
  return attempt.detail === '' ? '' : `: ${attempt.detail}`
}

export function start(attempt: OpenAttempt): Decision {
  if (attempt.ownership === 'stopping' || attempt.state === 'running') return entries(...resumed(attempt))
  return entries(...resumed(attempt), { type: 'started', attemptId: attempt.id })
}

export function resumed(attempt: OpenAttempt): LogEntry[] {
  return attempt.ownership === 'lapsed' ? [{ type: 'lease_resumed', attemptId: attempt.id }] : []
}

export function complete(
  task: Task,
  attempt: OpenAttempt,
  facts: { changed: boolean; output: boolean },
  setting: Setting,
): Decision {
  // A result that meets a cancel is kept by the store and changes nothing here.
  if (attempt.ownership === 'stopping')
    return entries(ended(attempt, 'cancelled', '', { now: setting.now, by: 'owner' }))
  const { expect, review: reviewing } = task.terms
  if (expect === 'changes' && !facts.changed) {
    return failWith(
      task,
      attempt,
      { reason: 'no_changes', detail: 'the tree is the same as at the start', resetAt: null },
      setting,
    )
  }
  if (expect === 'output' && !facts.output) {
    return failWith(
      task,
      attempt,
      { reason: 'output_invalid', detail: 'no valid output was handed in', resetAt: null },
      setting,
    )
  }
  return entries(
    {
      type: 'attempt_ended',
      attemptId: attempt.id,
      state: 'completed',
      reason: null,
      detail: '',
      by: 'owner',
      at: setting.now,
    },
    { type: 'completed', verdict: reviewing === 'required' ? 'pending' : 'accepted' },
  )
}

export function fail(task: Task, attempt: OpenAttempt, failure: AttemptFailure, setting: Setting): Decision {
  if (attempt.ownership === 'stopping') {
    return entries(
      ended(attempt, 'cancelled', failure.reason === 'cancelled' ? '' : failure.detail, {
        now: setting.now,
        by: 'owner',
      }),
    )
  }
  // "A daemon never cancels": an owner that says cancelled without a cancel has given the attempt back.
  if (failure.reason === 'cancelled') return failWith(task, attempt, { ...failure, reason: 'daemon_abort' }, setting)
  return failWith(task, attempt, failure, setting)
}

function failWith(task: Task, attempt: OpenAttempt, failure: AttemptFailure, setting: Setting): Decision {
  return entries(
    ended(attempt, failure.reason, failure.detail, { now: setting.now, by: setting.by }),
    afterFailure(task, failure, setting.now, setting.policy),
  )
}

export function dispatchExpire(task: Task, attempt: OpenAttempt, setting: Setting): Decision {
  if (attempt.ownership === 'stopping')
    return entries(ended(attempt, 'cancelled', 'the host never began', { now: setting.now, by: 'server' }))
  if (attempt.state !== 'preparing' || attempt.ownership !== 'held') return nothing
  const detail = 'the host claimed the task and was not heard again'
  return failWith(task, attempt, { reason: 'dispatch_expired', detail, resetAt: null }, setting)
}

export function lapse(attempt: OpenAttempt, graceUntil: number, now: number): Decision {
  switch (attempt.ownership) {
    case 'lapsed':
      return nothing
    case 'stopping':
      return entries(ended(attempt, 'cancelled', 'the host was not heard again', { now, by: 'server' }))
    case 'held':
      return entries({ type: 'lease_lapsed', attemptId: attempt.id, graceUntil })
  }
}

export function endGrace(task: Task, attempt: OpenAttempt, setting: Setting): Decision {
  if (attempt.ownership !== 'lapsed' || task.status.state !== 'parked') return nothing
  if (task.spent.freeInARow + 1 >= setting.policy.freeLimit) {
    return failWith(
      task,
      attempt,
      { reason: 'lease_expired', detail: 'the host was not heard again', resetAt: null },
      setting,
    )
  }
  // The attempt stays open: until another claim is granted its owner may come back and deliver.
  return entries({ type: 'queued', why: 'host_offline', notBefore: setting.now })
}

export function timeOut(task: Task, attempt: OpenAttempt, detail: string, setting: Setting): Decision {
  if (attempt.ownership !== 'lapsed') return nothing
  return failWith(task, attempt, { reason: 'timed_out', detail, resetAt: null }, setting)
}

// What follows the end of an attempt: again, later, parked, or the task's own end.

import type { LogEntry } from './log-entry.ts'
import { parkedUntil } from './quota.ts'
import type { AttemptReason } from './reason.ts'
import { normaliseFailure, reasons } from './reason.ts'
import type { Spent, Task } from './task.ts'

/** Waits and bounds of SPEC 3; a server may be configured otherwise, tests use milliseconds. */
export interface RetryPolicy {
  /** First wait after an infrastructure failure, ms; doubled each time. */
  readonly backoffMs: number
  readonly backoffMaxMs: number
  /** Free ends in a row that end the task: work that kills its hosts must stop somewhere. */
  readonly freeLimit: number
  /** How long a task is parked the first time nobody says when its quota returns, ms; doubled each time in a row. */
  readonly quotaMs: number
}

export const defaultRetryPolicy: RetryPolicy = {
  backoffMs: 10_000,
  backoffMaxMs: 600_000,
  freeLimit: 5,
  quotaMs: 900_000,
}

export interface AttemptFailure {
  readonly reason: AttemptReason
  readonly detail: string
  /** When a spent quota returns, ms; only with reason `quota`. */
  readonly resetAt: number | null
  readonly stays?: boolean
}

/**
 * Decides what follows. `task` is the task as it stood while the attempt was open; the attempt's own end entry is counted here.
 */
export function afterFailure(task: Task, failure: AttemptFailure, now: number, policy: RetryPolicy): LogEntry {
  const { reason, detail } = failure
  const fail: LogEntry = { type: 'failed', reason, detail }
  switch (reasons[reason]) {
    case 'final':
      return fail
    case 'quota':
      return {
        type: 'quota_parked',
        until: parkedUntil(task, { resetAt: failure.resetAt, now, quotaMs: policy.quotaMs }),
        ...(failure.stays === true ? { stays: true } : {}),
      }
    case 'free':
      return afterFreeEnd(task.spent, reason, detail, { now, policy })
    case 'infrastructure':
      if (task.spent.charged + 1 >= task.terms.maxAttempts) return fail
      return { type: 'queued', why: 'retry', notBefore: now + backoff(task.spent.charged, policy) }
    case 'agent': {
      const allowed = task.terms.retryOn.includes(reason) && task.spent.charged + 1 < task.terms.maxAttempts
      const repeated = task.spent.lastFailure === normaliseFailure(reason, detail)
      if (!allowed) return fail
      if (repeated) return { type: 'failed', reason, detail: `${detail} (the same failure twice running)` }
      return { type: 'queued', why: 'retry', notBefore: now + backoff(task.spent.charged, policy) }
    }
  }
}

function afterFreeEnd(
  spent: Spent,
  reason: AttemptReason,
  detail: string,
  { now, policy }: { now: number; policy: RetryPolicy },
): LogEntry {
  if (spent.freeInARow + 1 >= policy.freeLimit) {
    const because = detail === '' ? reason : `${reason}: ${detail}`
    return {
      type: 'failed',
      reason: 'infrastructure',
      detail: `${policy.freeLimit} attempts in a row were lost or given back; the last: ${because}`,
    }
  }
  return { type: 'queued', why: reason === 'lease_expired' ? 'host_offline' : 'given_back', notBefore: now }
}

/** Wait before the attempt that follows `failures` charged ones, ms: first × 2^failures, capped. */
function backoff(failures: number, policy: RetryPolicy): number {
  return Math.min(policy.backoffMaxMs, policy.backoffMs * 2 ** Math.min(failures, 30))
}

// The state machine of a task: (task, command, now) → what happens, or why not. Pure.
//
//   waiting → queued → preparing → running → completed | failed
//   any but terminal → cancelled      waiting, queued, parked → expired
//   preparing, running ↔ parked (host_offline)      an attempt's end → queued | parked (quota) | failed
//
// At most one attempt is open. It may outlive its task's cancel (stopping) and its own lease (lapsed): it ends when its owner reports,
// when another claim is granted, when its task ends, or, once cancelled, when its lease runs out.

import type { Attempt, OpenAttempt } from './attempt.ts'
import { endStateOf, isOpen } from './attempt.ts'
import type { Command, Refusal } from './command.ts'
import type { AttemptId } from './id.ts'
import type { LogEntry } from './log-entry.ts'
import type { AttemptReason } from './reason.ts'
import type { AttemptFailure, RetryPolicy } from './retry.ts'
import { afterFailure, defaultRetryPolicy } from './retry.ts'
import type { Owner, Task } from './task.ts'
import { isTerminal, openAttempt } from './task.ts'

export type Decision =
  | { readonly ok: true; readonly entries: readonly LogEntry[] }
  | { readonly ok: false; readonly refusal: Refusal }

const nothing: Decision = { ok: true, entries: [] }

/** Decides one command. An empty list of entries means: already so. */
export function decide(
  task: Task | null,
  command: Command,
  now: number,
  policy: RetryPolicy = defaultRetryPolicy,
): Decision {
  if (command.type === 'create') return create(task, command, now)
  if (task === null) return refuse('invalid_state', `there is no task to ${command.type}`)
  switch (command.type) {
    case 'ready':
      return task.status.state === 'waiting'
        ? entries({ type: 'queued', why: 'new', notBefore: now })
        : not(task, 'waiting')
    case 'unsatisfiable':
      if (task.status.state !== 'waiting') return not(task, 'waiting')
      return entries({ type: 'failed', reason: 'condition_unsatisfiable', detail: command.detail })
    case 'quota_over':
      return quotaOver(task, now)
    case 'expire':
      return expire(task, now)
    case 'claim':
      return claim(task, command, now)
    case 'hear':
      return asOwner(task, command.owner, (attempt) => entries(...resumed(attempt)))
    case 'start':
      return asOwner(task, command.owner, start)
    case 'complete':
      return asOwner(task, command.owner, (attempt) =>
        complete(task, attempt, command.facts, { now, policy, by: 'owner' }),
      )
    case 'fail':
      return asOwner(task, command.owner, (attempt) => fail(task, attempt, command, { now, policy, by: 'owner' }))
    case 'dispatch_expire':
      return asServer(task, command.attemptId, (attempt) =>
        dispatchExpire(task, attempt, { now, policy, by: 'server' }),
      )
    case 'lapse':
      return asServer(task, command.attemptId, (attempt) => lapse(attempt, command.graceUntil, now))
    case 'end_grace':
      return asServer(task, command.attemptId, (attempt) => endGrace(task, attempt, { now, policy, by: 'server' }))
    case 'time_out':
      return asServer(task, command.attemptId, (attempt) =>
        timeOut(task, attempt, command.detail, { now, policy, by: 'server' }),
      )
    case 'cancel':
      return cancel(task, command, now)
    case 'accept':
    case 'reject':
      return review(task, command)
    case 'retry':
      return retry(task, command.by, now)
  }
}

interface Setting {
  readonly now: number
  readonly policy: RetryPolicy
  /** Who says that the attempt ended. */
  readonly by: 'owner' | 'server'
}

function create(task: Task | null, command: Extract<Command, { type: 'create' }>, now: number): Decision {
  if (task !== null) return refuse('invalid_state', `${task.id} exists already`)
  const born: LogEntry = { type: 'created', taskId: command.taskId, terms: command.terms }
  if (command.waitOn.length > 0) return entries(born, { type: 'waiting', on: command.waitOn })
  return entries(born, { type: 'queued', why: 'new', notBefore: now })
}

function claim(task: Task, command: Extract<Command, { type: 'claim' }>, now: number): Decision {
  if (task.status.state !== 'queued') return not(task, 'queued')
  if (task.status.notBefore > now) return refuse('invalid_state', `${task.id} waits out its backoff`)
  const superseded = openAttempt(task)
  const before =
    superseded === null ? [] : [ended(superseded, 'lease_expired', 'another host took the task', { now, by: 'server' })]
  const epoch = task.epoch + before.length + 1
  const { attemptId, daemonId } = command
  return entries(...before, { type: 'claimed', attemptId, n: task.attempts.length + 1, epoch, daemonId, at: now })
}

function start(attempt: OpenAttempt): Decision {
  if (attempt.ownership === 'stopping' || attempt.state === 'running') return entries(...resumed(attempt))
  return entries(...resumed(attempt), { type: 'started', attemptId: attempt.id })
}

function resumed(attempt: OpenAttempt): LogEntry[] {
  return attempt.ownership === 'lapsed' ? [{ type: 'lease_resumed', attemptId: attempt.id }] : []
}

function complete(
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

function fail(task: Task, attempt: OpenAttempt, failure: AttemptFailure, setting: Setting): Decision {
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

function dispatchExpire(task: Task, attempt: OpenAttempt, setting: Setting): Decision {
  if (attempt.ownership === 'stopping')
    return entries(ended(attempt, 'cancelled', 'the host never began', { now: setting.now, by: 'server' }))
  if (attempt.state !== 'preparing' || attempt.ownership !== 'held') return nothing
  const detail = 'the host claimed the task and was not heard again'
  return failWith(task, attempt, { reason: 'dispatch_expired', detail, resetAt: null }, setting)
}

function lapse(attempt: OpenAttempt, graceUntil: number, now: number): Decision {
  switch (attempt.ownership) {
    case 'lapsed':
      return nothing
    case 'stopping':
      return entries(ended(attempt, 'cancelled', 'the host was not heard again', { now, by: 'server' }))
    case 'held':
      return entries({ type: 'lease_lapsed', attemptId: attempt.id, graceUntil })
  }
}

function endGrace(task: Task, attempt: OpenAttempt, setting: Setting): Decision {
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

function timeOut(task: Task, attempt: OpenAttempt, detail: string, setting: Setting): Decision {
  if (attempt.ownership !== 'lapsed') return nothing
  return failWith(task, attempt, { reason: 'timed_out', detail, resetAt: null }, setting)
}

function quotaOver(task: Task, now: number): Decision {
  if (task.status.state !== 'parked' || task.status.why !== 'quota') return not(task, 'parked for its quota')
  return entries({ type: 'queued', why: 'quota_over', notBefore: now })
}

function expire(task: Task, now: number): Decision {
  if (isTerminal(task)) return nothing
  if (task.terms.expiresAt === null || task.terms.expiresAt > now)
    return refuse('invalid_state', `${task.id} is not due to expire`)
  if (task.status.state === 'preparing' || task.status.state === 'running')
    return refuse('invalid_state', `${task.id} is at work`)
  return entries(...superseded(task, now), { type: 'expired' })
}

function cancel(task: Task, command: Extract<Command, { type: 'cancel' }>, now: number): Decision {
  if (task.status.state === 'cancelled') return nothing
  if (isTerminal(task)) return refuse('invalid_state', `${task.id} is ${task.status.state} already`)
  return entries(...superseded(task, now), { type: 'cancelled', by: command.by, message: command.message })
}

/** A lapsed attempt ends with its task: nobody is there to stop it. */
function superseded(task: Task, now: number): LogEntry[] {
  const attempt = openAttempt(task)
  if (attempt === null || attempt.ownership !== 'lapsed') return []
  return [ended(attempt, 'lease_expired', 'the task ended while the host was away', { now, by: 'server' })]
}

function review(task: Task, command: Extract<Command, { type: 'accept' | 'reject' }>): Decision {
  if (task.status.state !== 'completed') return not(task, 'completed')
  const { by, message } = command
  if (command.type === 'accept') {
    return task.status.verdict === 'accepted' ? nothing : entries({ type: 'accepted', by, message })
  }
  if (task.status.verdict === 'accepted') return refuse('invalid_state', `${task.id} is accepted already`)
  return entries({ type: 'rejected', by, message })
}

function retry(task: Task, by: string, now: number): Decision {
  const { status } = task
  const again = status.state === 'failed' || (status.state === 'completed' && status.verdict === 'rejected')
  if (!again)
    return refuse('invalid_state', `${task.id} is ${status.state}; only a failed or rejected task can be retried`)
  return entries({ type: 'reopened', by }, { type: 'queued', why: 'by_hand', notBefore: now })
}

function asOwner(task: Task, owner: Owner, then: (attempt: OpenAttempt) => Decision): Decision {
  const attempt = task.attempts.find((candidate) => candidate.id === owner.attemptId)
  const theirs = attempt !== undefined && attempt.epoch === owner.epoch && attempt.daemonId === owner.daemonId
  if (!theirs)
    return refuse('lease_lost', `${owner.attemptId} at epoch ${owner.epoch} is not an attempt this daemon owns`)
  if (isOpen(attempt)) return then(attempt)
  // The owner's own report, heard before: acknowledged again so that a repeated send ends.
  if (attempt.endedBy === 'owner') return nothing
  return refuse('lease_lost', `${attempt.id} ended as ${attempt.state}${why(attempt)}`)
}

function why(attempt: Exclude<Attempt, OpenAttempt>): string {
  return attempt.detail === '' ? '' : `: ${attempt.detail}`
}

function asServer(task: Task, attemptId: AttemptId, then: (attempt: OpenAttempt) => Decision): Decision {
  const attempt = openAttempt(task)
  return attempt === null || attempt.id !== attemptId ? nothing : then(attempt)
}

function ended(
  attempt: OpenAttempt,
  reason: AttemptReason,
  detail: string,
  { now, by }: { now: number; by: 'owner' | 'server' },
): LogEntry {
  return { type: 'attempt_ended', attemptId: attempt.id, state: endStateOf(reason), reason, detail, by, at: now }
}

function entries(...list: LogEntry[]): Decision {
  return { ok: true, entries: list }
}

function not(task: Task, wanted: string): Decision {
  return refuse('invalid_state', `${task.id} is ${task.status.state}, not ${wanted}`)
}

function refuse(code: Refusal['code'], detail: string): Decision {
  return { ok: false, refusal: { code, detail } }
}

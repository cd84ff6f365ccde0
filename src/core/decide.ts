// The state machine of a task: (task, command, now) → what happens, or why not. Pure.
//
//   waiting → queued → preparing → running → completed | failed
//   any but terminal → cancelled      waiting, queued, parked → expired
//   preparing, running ↔ parked (host_offline)      an attempt's end → queued | parked (quota) | failed
//
// At most one attempt is open. It may outlive its task's cancel (stopping) and its own lease (lapsed): it ends when its owner reports,
// when another claim is granted, when its task ends, or, once cancelled, when its lease runs out.

import type { Command } from './command.ts'
import {
  asOwner,
  asServer,
  complete,
  dispatchExpire,
  endGrace,
  fail,
  lapse,
  resumed,
  start,
  timeOut,
} from './decide-attempt.ts'
import type { Decision } from './decision.ts'
import { ended, entries, not, nothing, refuse } from './decision.ts'
import type { LogEntry } from './log-entry.ts'
import { maxMoves, metInARow } from './quota.ts'
import type { RetryPolicy } from './retry.ts'
import { defaultRetryPolicy } from './retry.ts'
import type { Task } from './task.ts'
import { isTerminal, openAttempt } from './task.ts'

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
    case 'reroute':
      return reroute(task, now)
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

function quotaOver(task: Task, now: number): Decision {
  if (task.status.state !== 'parked' || task.status.why !== 'quota') return not(task, 'parked for its quota')
  return entries({ type: 'queued', why: 'quota_over', notBefore: now })
}

/** Not one that stays. One that has met a limit wherever it was sent stays from now on. */
function reroute(task: Task, now: number): Decision {
  if (task.status.state !== 'parked' || task.status.why !== 'quota') return not(task, 'parked for its quota')
  if (task.status.stays === true) return nothing
  if (metInARow(task) >= maxMoves) return entries({ type: 'quota_parked', until: task.status.until, stays: true })
  return entries({ type: 'queued', why: 'rerouted', notBefore: now })
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
  // Whoever knows that there is quota again need not wait.
  if (status.state === 'parked' && status.why === 'quota')
    return entries({ type: 'queued', why: 'by_hand', notBefore: now })
  const again = status.state === 'failed' || (status.state === 'completed' && status.verdict === 'rejected')
  if (status.state === 'failed' && status.reason === 'condition_unsatisfiable') {
    return refuse(
      'invalid_state',
      `${task.id} waited for what can no longer happen; make a new task without that condition`,
    )
  }
  if (!again)
    return refuse(
      'invalid_state',
      `${task.id} is ${status.state}; only a failed or rejected task, or one parked for its quota, can be retried`,
    )
  return entries({ type: 'reopened', by }, { type: 'queued', why: 'by_hand', notBefore: now })
}

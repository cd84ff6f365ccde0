// Folds a task's log: (task, entry) → task. Total over what decide writes; anything else is a corrupt log and throws, naming it.

import type { Attempt, EndedAttempt, OpenAttempt, Ownership } from './attempt.ts'
import { isOpen } from './attempt.ts'
import type { AttemptId } from './id.ts'
import type { LogEntry } from './log-entry.ts'
import type { AttemptReason } from './reason.ts'
import { normaliseFailure, reasons } from './reason.ts'
import type { Spent, Status, Task } from './task.ts'
import { nothingSpent, openAttempt } from './task.ts'

/** Applies one entry. `task` is null only for `created`. */
export function evolve(task: Task | null, entry: LogEntry): Task {
  if (entry.type === 'created') {
    if (task !== null) throw new Error(`corrupt log: ${entry.taskId} is created twice`)
    const status: Status = { state: 'waiting', on: [] }
    return { id: entry.taskId, terms: entry.terms, status, spent: nothingSpent, epoch: 0, version: 1, attempts: [] }
  }
  if (task === null) throw new Error(`corrupt log: ${entry.type} before created`)
  return { ...apply(task, entry), version: task.version + 1 }
}

/** Folds a whole log, oldest entry first. */
export function fold(entries: readonly LogEntry[]): Task | null {
  return entries.reduce<Task | null>(evolve, null)
}

function apply(task: Task, entry: Exclude<LogEntry, { type: 'created' }>): Task {
  switch (entry.type) {
    case 'waiting':
      return { ...task, status: { state: 'waiting', on: entry.on } }
    case 'queued':
      return { ...task, status: { state: 'queued', why: entry.why, notBefore: entry.notBefore } }
    case 'quota_parked':
      return {
        ...task,
        status: { state: 'parked', why: 'quota', until: entry.until, ...(entry.stays === true ? { stays: true } : {}) },
      }
    case 'claimed':
      return claim(task, entry)
    case 'started':
      return {
        ...replaceOpen(task, entry.attemptId, (attempt) => ({ ...attempt, state: 'running' })),
        status: { state: 'running' },
      }
    case 'lease_lapsed':
      return {
        ...own(task, entry.attemptId, 'lapsed'),
        status: { state: 'parked', why: 'host_offline', until: entry.graceUntil },
      }
    case 'lease_resumed':
      return resume(task, entry.attemptId)
    case 'attempt_ended':
      return end(task, entry)
    case 'completed':
      return { ...task, status: { state: 'completed', verdict: entry.verdict, message: '' } }
    case 'failed':
      return { ...task, status: { state: 'failed', reason: entry.reason, detail: entry.detail } }
    case 'cancelled':
      return cancel(task, entry.by, entry.message)
    case 'expired':
      return { ...task, status: { state: 'expired' } }
    case 'accepted':
      return { ...task, status: { state: 'completed', verdict: 'accepted', message: entry.message } }
    case 'rejected':
      return { ...task, status: { state: 'completed', verdict: 'rejected', message: entry.message } }
    case 'reopened':
      return { ...task, spent: nothingSpent }
  }
}

function claim(task: Task, entry: Extract<LogEntry, { type: 'claimed' }>): Task {
  if (openAttempt(task) !== null) throw new Error(`corrupt log: ${task.id} is claimed while an attempt is open`)
  const { attemptId: id, n, epoch, daemonId, at: claimedAt } = entry
  const attempt: OpenAttempt = { id, n, epoch, daemonId, claimedAt, state: 'preparing', ownership: 'held' }
  return { ...task, status: { state: 'preparing' }, epoch, attempts: [...task.attempts, attempt] }
}

function resume(task: Task, attemptId: AttemptId): Task {
  const resumed = own(task, attemptId, 'held')
  const attempt = openAttempt(resumed)
  return { ...resumed, status: { state: attempt?.state ?? 'preparing' } }
}

function end(task: Task, entry: Extract<LogEntry, { type: 'attempt_ended' }>): Task {
  const ended = replaceOpen(task, entry.attemptId, ({ id, n, epoch, daemonId, claimedAt }): EndedAttempt => {
    const { state, reason, detail, by: endedBy, at: endedAt } = entry
    return { id, n, epoch, daemonId, claimedAt, state, reason, detail, endedAt, endedBy }
  })
  // A lease that expired raises the epoch, so that the old owner's next write is refused whoever comes next.
  const epoch = entry.state === 'lease_expired' ? task.epoch + 1 : task.epoch
  return { ...ended, epoch, spent: spend(task.spent, entry.reason, entry.detail) }
}

function spend(spent: Spent, reason: AttemptReason | null, detail: string): Spent {
  if (reason === null) return { charged: spent.charged + 1, freeInARow: 0, lastFailure: null }
  switch (reasons[reason]) {
    case 'free':
      return { ...spent, freeInARow: spent.freeInARow + 1 }
    case 'quota':
      return { ...spent, freeInARow: 0 }
    case 'infrastructure':
      return { ...spent, charged: spent.charged + 1, freeInARow: 0 }
    case 'agent':
    case 'final':
      return { charged: spent.charged + 1, freeInARow: 0, lastFailure: normaliseFailure(reason, detail) }
  }
}

function cancel(task: Task, by: string, message: string): Task {
  const status: Status = { state: 'cancelled', by, message }
  const attempt = openAttempt(task)
  return attempt === null ? { ...task, status } : { ...own(task, attempt.id, 'stopping'), status }
}

function own(task: Task, attemptId: AttemptId, ownership: Ownership): Task {
  return replaceOpen(task, attemptId, (attempt) => ({ ...attempt, ownership }))
}

function replaceOpen(task: Task, attemptId: AttemptId, change: (attempt: OpenAttempt) => Attempt): Task {
  const last = task.attempts.at(-1)
  if (last === undefined || last.id !== attemptId || !isOpen(last)) {
    throw new Error(`corrupt log: ${attemptId} is not the open attempt of ${task.id}`)
  }
  return { ...task, attempts: [...task.attempts.slice(0, -1), change(last)] }
}

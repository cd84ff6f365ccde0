// Why a task is not at work, in a sentence a person can act on.

import { isOpen } from '../../core/attempt.ts'
import type { Condition } from '../../core/condition.ts'
import type { WaitReason } from '../../core/task.ts'
import { openAttempt } from '../../core/task.ts'
import type { Candidate } from '../../core/why-queued.ts'
import { whyQueued } from '../../core/why-queued.ts'
import { formatDuration } from '../../lib/duration.ts'
import type { TaskRecord } from '../../store/port.ts'
import { stalledSince } from './task-view.ts'
import { time, until } from './times.ts'

/** What the sentence may need to know. `names`: id → name, so that it speaks of pools and profiles as people do. */
export interface WhyFacts {
  readonly now: number
  /** An agent that last spoke before this is stalled, ms. */
  readonly stalledBefore: number
  /** Connected daemons of the task's team. */
  readonly candidates: readonly Candidate[]
  readonly names: ReadonlyMap<string, string>
}

/** True when the answer turns on the fleet. */
export function needsFleet({ task }: TaskRecord, now: number): boolean {
  return task.status.state === 'queued' && task.status.notBefore <= now
}

/** Null for a task whose agent speaks, or at its end. */
export function whyNotAtWork(record: TaskRecord, facts: WhyFacts): string | null {
  const { status } = record.task
  switch (status.state) {
    case 'waiting':
      return status.on.map((each) => waitsFor(record, each)).join('; ')
    case 'queued':
      if (status.notBefore > facts.now) return `${lastFailure(record)}; it is tried again at ${time(status.notBefore)}`
      return named(whyQueued(record.needs, facts.candidates), facts.names)
    case 'parked':
      return status.why === 'quota' ? parkedForQuota(record, facts.now) : hostOffline(record, status.until)
    case 'running':
      return stalled(record, facts.stalledBefore)
    case 'preparing':
    case 'completed':
    case 'failed':
    case 'cancelled':
    case 'expired':
      return null
  }
}

/** What the backoff is for: the next attempt may well end the same way. */
function lastFailure({ attempts }: TaskRecord): string {
  const last = attempts.at(-1)?.attempt
  if (last === undefined || isOpen(last)) return 'it waits'
  const detail = last.detail === '' ? '' : `: ${last.detail}`
  return `attempt ${last.n} ended with ${last.reason ?? last.state}${detail}`
}

function stalled({ attempts, spec }: TaskRecord, before: number): string | null {
  const last = attempts.at(-1)
  const since = last === undefined || spec.interactive === true ? null : stalledSince(last, before)
  if (since === null) return null
  const { onStall, stallTimeoutMs } = spec
  const waits = onStall === 'notify' || stallTimeoutMs === 0
  const ends = onStall === 'abort' ? 'it is given back' : 'it fails'
  const next = waits ? 'it goes on until you cancel it' : `${ends} after ${formatDuration(stallTimeoutMs)} of silence`
  return `stalled: no word from the agent since ${time(since)}; ${next}`
}

function waitsFor({ spec, runAt }: TaskRecord, on: WaitReason): string {
  switch (on) {
    case 'condition':
      return spec.claimCondition === null ? 'waits for its condition' : `waits for ${words(spec.claimCondition)}`
    case 'run_at':
      return runAt === null ? 'waits for its time' : `waits until ${time(runAt)}`
    case 'session_busy':
      return spec.continueFrom === null
        ? 'waits for another task of its session to end'
        : `waits for ${spec.continueFrom.task}, the task before it in its session, to end`
    case 'held':
      return 'held: it waits until somebody lets it go'
  }
}

/** Which account's, as far as the attempt tells, and whether anybody else may take it meanwhile. */
function parkedForQuota({ task, attempts }: TaskRecord, now: number): string {
  const { status } = task
  if (status.state !== 'parked') return 'parked'
  const last = attempts.at(-1)
  const of = last === undefined ? '' : ` of ${last.harness ?? 'the agent'} on ${last.daemonName}`
  const next = status.stays === true ? 'it waits for that' : 'whoever has quota left may take it before'
  return `parked ${until(status.until, now)}: the quota${of} is spent; ${next}`
}

function hostOffline({ task, attempts }: TaskRecord, graceUntil: number): string {
  const open = openAttempt(task)
  const host = attempts.find((each) => each.attempt.id === open?.id)?.daemonName ?? 'its host'
  return `parked: ${host} is not heard; it may come back until ${time(graceUntil)}, then another host may take the task`
}

function words(condition: Condition): string {
  switch (condition.op) {
    case 'task_status':
      return `${condition.taskId} to be ${condition.statuses.join(' or ')}`
    case 'task_accepted':
      return `${condition.taskId} to be accepted`
    case 'task_over':
      return `${condition.taskId} to end`
    case 'all':
    case 'any': {
      const parts = condition.conditions.map((each) => ('conditions' in each ? `(${words(each)})` : words(each)))
      return parts.join(condition.op === 'all' ? ' and ' : ' or ')
    }
  }
}

function named(sentence: string, names: ReadonlyMap<string, string>): string {
  return sentence.replace(/\b[a-z]+_[0-9a-z]{26}\b/g, (id) => names.get(id) ?? id)
}

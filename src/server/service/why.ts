// Why a task is not at work, in a sentence a person can act on.

import type { Condition } from '../../core/condition.ts'
import { openAttempt } from '../../core/task.ts'
import type { Candidate } from '../../core/why-queued.ts'
import { whyQueued } from '../../core/why-queued.ts'
import type { TaskRecord } from '../../store/port.ts'

/** What the sentence may need to know. `names`: id → name, so that it speaks of pools and profiles as people do. */
export interface WhyFacts {
  readonly now: number
  /** Connected daemons of the task's team. */
  readonly candidates: readonly Candidate[]
  readonly names: ReadonlyMap<string, string>
}

/** True when the answer turns on the fleet. */
export function needsFleet({ task }: TaskRecord, now: number): boolean {
  return task.status.state === 'queued' && task.status.notBefore <= now
}

/** Null for a task at work or at its end. */
export function whyNotAtWork(record: TaskRecord, facts: WhyFacts): string | null {
  const { status } = record.task
  switch (status.state) {
    case 'waiting':
      return status.on.map((each) => waitsFor(record, each)).join('; ')
    case 'queued':
      if (status.notBefore > facts.now) return `waits out a backoff until ${time(status.notBefore)}`
      return named(whyQueued(record.needs, facts.candidates), facts.names)
    case 'parked':
      return parked(record, status.why, status.until)
    case 'preparing':
    case 'running':
    case 'completed':
    case 'failed':
    case 'cancelled':
    case 'expired':
      return null
  }
}

function waitsFor({ spec, runAt }: TaskRecord, on: 'condition' | 'run_at' | 'session_busy'): string {
  switch (on) {
    case 'condition':
      return spec.claimCondition === null ? 'waits for its condition' : `waits for ${words(spec.claimCondition)}`
    case 'run_at':
      return runAt === null ? 'waits for its time' : `waits until ${time(runAt)}`
    case 'session_busy':
      return 'waits for another task of its session to end'
  }
}

function parked({ task, attempts }: TaskRecord, why: 'quota' | 'host_offline', until: number): string {
  if (why === 'quota') return `parked until ${time(until)}: the quota of the account is spent`
  const open = openAttempt(task)
  const host = attempts.find((each) => each.attempt.id === open?.id)?.daemonName ?? 'its host'
  return `parked: ${host} is not heard; it may come back until ${time(until)}, then another host may take the task`
}

function words(condition: Condition): string {
  switch (condition.op) {
    case 'task_status':
      return `${condition.taskId} to be ${condition.statuses.join(' or ')}`
    case 'task_accepted':
      return `${condition.taskId} to be accepted`
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

/** To the second, in UTC: the reader's zone is not known here. */
function time(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`
}

// When a waiting task may start: a small tree of conditions on other tasks.

import type { TaskStateName } from './task.ts'
import { terminalStates } from './task.ts'

export type Condition =
  | { readonly op: 'all' | 'any'; readonly conditions: readonly Condition[] }
  | { readonly op: 'task_status'; readonly taskId: string; readonly statuses: readonly TaskStateName[] }
  | { readonly op: 'task_accepted'; readonly taskId: string }
  /** Of a session: the task before this one has ended, and so has its attempt. Not for callers. */
  | { readonly op: 'task_over'; readonly taskId: string }

export const maxConditions = 8
export const maxConditionDepth = 4

/** What a condition may know of another task; null: there is no such task. */
export interface Known {
  readonly state: TaskStateName
  readonly verdict: 'pending' | 'accepted' | 'rejected' | null
  /** Neither the task nor an attempt of it is at work. */
  readonly over: boolean
}

export type Answer =
  | { readonly is: 'met' }
  | { readonly is: 'open' }
  | { readonly is: 'unsatisfiable'; readonly because: string }

/** Evaluates a condition. `unsatisfiable` is final: the tasks it names can no longer get there by themselves. */
export function evaluate(condition: Condition, lookUp: (taskId: string) => Known | null): Answer {
  switch (condition.op) {
    case 'all':
    case 'any':
      return combine(
        condition.op,
        condition.conditions.map((each) => evaluate(each, lookUp)),
      )
    case 'task_status':
      return leaf(condition.taskId, lookUp, (known) => condition.statuses.includes(known.state))
    case 'task_accepted':
      return leaf(condition.taskId, lookUp, (known) => known.verdict === 'accepted')
    case 'task_over':
      return lookUp(condition.taskId)?.over === false ? { is: 'open' } : { is: 'met' }
  }
}

/** The ids of all tasks a condition looks at. */
export function namedTasks(condition: Condition): string[] {
  if ('conditions' in condition) return [...new Set(condition.conditions.flatMap(namedTasks))]
  return [condition.taskId]
}

/** The depth of the tree: 1 for a leaf. */
export function depth(condition: Condition): number {
  if (!('conditions' in condition)) return 1
  return 1 + Math.max(0, ...condition.conditions.map(depth))
}

function leaf(taskId: string, lookUp: (taskId: string) => Known | null, holds: (known: Known) => boolean): Answer {
  const known = lookUp(taskId)
  if (known === null) return { is: 'unsatisfiable', because: `there is no task ${taskId}` }
  if (holds(known)) return { is: 'met' }
  // A completed task whose review is open can still be accepted; every other end is final.
  const final = (terminalStates as readonly string[]).includes(known.state) && known.verdict !== 'pending'
  return final ? { is: 'unsatisfiable', because: `${taskId} is ${known.verdict ?? known.state}` } : { is: 'open' }
}

function combine(op: 'all' | 'any', answers: readonly Answer[]): Answer {
  const dead = answers.find((answer) => answer.is === 'unsatisfiable')
  if (op === 'all') {
    if (dead !== undefined) return dead
    return answers.every((answer) => answer.is === 'met') ? { is: 'met' } : { is: 'open' }
  }
  if (answers.some((answer) => answer.is === 'met')) return { is: 'met' }
  if (answers.some((answer) => answer.is === 'open')) return { is: 'open' }
  return dead ?? { is: 'open' }
}

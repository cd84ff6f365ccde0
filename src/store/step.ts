// One task's step: decide, evolve, save. Without what follows for the tasks that wait on it; `transition.ts` adds that.

import type { Command, Refusal } from '../core/command.ts'
import { decide } from '../core/decide.ts'
import { evolve } from '../core/evolve.ts'
import type { LogEntry } from '../core/log-entry.ts'
import type { RetryPolicy } from '../core/retry.ts'
import type { Task } from '../core/task.ts'
import type { ReportFacts } from './persist.ts'
import { saveChanges } from './persist.ts'
import type { Cause, Tx, Work } from './port.ts'
import type { Loaded } from './task-rows.ts'

export interface StepContext {
  readonly cause: Cause
  readonly policy: RetryPolicy
  /** What the owner's final report said, when that is what moves the task. */
  readonly report?: ReportFacts | undefined
}

/** Everything but birth and claim, which bring rows of their own. */
export type StepCommand = Exclude<Command, { type: 'create' | 'claim' }>

export type Stepped =
  | { readonly is: 'done'; readonly loaded: Loaded; readonly entries: readonly LogEntry[] }
  | { readonly is: 'refused'; readonly refusal: Refusal }

export function* step(tx: Tx, before: Loaded, command: StepCommand, context: StepContext): Work<Stepped> {
  const decision = decide(before.task, command, tx.now, context.policy)
  if (!decision.ok) return { is: 'refused', refusal: decision.refusal }
  const { entries } = decision
  if (entries.length === 0) return { is: 'done', loaded: before, entries }
  const after = entries.reduce<Task>(evolve, before.task)
  const { cause, report } = context
  const change = { before, after, entries, cause, ...(report === undefined ? {} : { report }) }
  const [loaded = before] = yield* saveChanges(tx, [change])
  return { is: 'done', loaded, entries }
}

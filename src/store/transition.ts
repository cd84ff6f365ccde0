// The one way a task changes: lock, decide, evolve, write row and log, release whoever waited for it.

import type { Refusal } from '../core/command.ts'
import type { LogEntry } from '../core/log-entry.ts'
import type { RetryPolicy } from '../core/retry.ts'
import { defaultRetryPolicy } from '../core/retry.ts'
import type { Cause, TaskRecord, Tx, Work } from './port.ts'
import type { StepCommand, StepContext } from './step.ts'
import { step } from './step.ts'
import type { Loaded } from './task-rows.ts'
import { lockTask, toRecords } from './task-rows.ts'
import { settleWaiters } from './waiters.ts'

export type Transitioned =
  | { readonly is: 'done'; readonly record: TaskRecord; readonly entries: readonly LogEntry[] }
  | { readonly is: 'refused'; readonly refusal: Refusal }
  | { readonly is: 'missing' }

/** Applies one command. No entries with `done` means that it was so already. */
export function* transition(
  tx: Tx,
  taskId: string,
  command: StepCommand,
  context: { readonly cause: Cause; readonly policy?: RetryPolicy },
): Work<Transitioned> {
  const loaded = yield* lockTask(tx, taskId)
  if (loaded === null) return { is: 'missing' }
  const moved = yield* move(tx, loaded, command, { policy: defaultRetryPolicy, ...context })
  if (moved.is === 'refused') return moved
  const [record] = yield* toRecords(tx, [moved.loaded])
  if (record === undefined) throw new Error(`${taskId} has no record`)
  return { is: 'done', record, entries: moved.entries }
}

export type Moved =
  | { readonly is: 'done'; readonly loaded: Loaded; readonly entries: readonly LogEntry[] }
  | { readonly is: 'refused'; readonly refusal: Refusal }

/** The same on a task that is locked already; gives rows instead of a record. */
export function* move(tx: Tx, loaded: Loaded, command: StepCommand, context: StepContext): Work<Moved> {
  const stepped = yield* step(tx, loaded, command, context)
  if (stepped.is === 'done' && stepped.entries.length > 0) {
    yield* dropRefs(tx, loaded, stepped.loaded)
    yield* settleWaiters(tx, [stepped.loaded], context.policy)
  }
  return stepped
}

/** A task that waits no more watches nobody. */
function* dropRefs(tx: Tx, before: Loaded, after: Loaded): Work<void> {
  if (before.row.state !== 'waiting' || after.row.state === 'waiting') return
  yield tx.db.deleteFrom('condition_refs').where('task_id', '=', after.row.id).compile()
}

// Random life of a task for property tests: commands drawn with the ids that exist, applied as a server would.

import fc from 'fast-check'
import type { Command } from '../../src/core/command.ts'
import { decide } from '../../src/core/decide.ts'
import { evolve } from '../../src/core/evolve.ts'
import type { AttemptId, DaemonId, TaskId } from '../../src/core/id.ts'
import type { LogEntry } from '../../src/core/log-entry.ts'
import type { AttemptReason } from '../../src/core/reason.ts'
import { attemptReasons, retryableReasons } from '../../src/core/reason.ts'
import type { Task, TaskTerms } from '../../src/core/task.ts'

export const taskId: TaskId = 'task_01'
export const daemons: readonly DaemonId[] = ['dmn_a', 'dmn_b', 'dmn_c']

/** A command without the ids that only the world knows: `attempt` counts back from the latest, 0 is the latest. */
export type Draw =
  | { readonly kind: 'plain'; readonly type: 'ready' | 'expire' | 'quota_over' | 'reroute' }
  | { readonly kind: 'claim'; readonly daemon: number }
  | {
      readonly kind: 'owner'
      readonly type: 'hear' | 'start' | 'complete' | 'fail'
      readonly attempt: number
      readonly epochOff: number
      readonly reason: AttemptReason
      readonly changed: boolean
      readonly detail: string
      /** From now, ms; null: nobody knows when the quota returns. */
      readonly resetIn: number | null
      readonly stays: boolean
    }
  | {
      readonly kind: 'server'
      readonly type: 'dispatch_expire' | 'lapse' | 'end_grace' | 'time_out'
      readonly attempt: number
    }
  | { readonly kind: 'person'; readonly type: 'cancel' | 'accept' | 'reject' | 'retry' }
  | { readonly kind: 'time'; readonly ms: number }

export const terms: fc.Arbitrary<TaskTerms> = fc.record({
  maxAttempts: fc.integer({ min: 1, max: 4 }),
  retryOn: fc.subarray(retryableReasons),
  expect: fc.constantFrom('changes', 'output', 'nothing'),
  review: fc.constantFrom('none', 'required'),
  expiresAt: fc.option(fc.integer({ min: 0, max: 2_000_000 }), { nil: null }),
})

export const draw: fc.Arbitrary<Draw> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('plain' as const),
      type: fc.constantFrom('ready', 'expire', 'quota_over', 'reroute'),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('claim' as const), daemon: fc.nat(2) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('owner' as const),
      type: fc.constantFrom('hear', 'start', 'complete', 'fail'),
      attempt: fc.constantFrom(0, 0, 0, 1, 2),
      epochOff: fc.constantFrom(0, 0, 0, 0, -1, 1),
      reason: fc.constantFrom(...attemptReasons),
      changed: fc.boolean(),
      detail: fc.constantFrom('', 'exit 1', 'exit 2 after 3s', 'other'),
      resetIn: fc.constantFrom(null, null, -1, 0, 2_000, 18_000_000),
      stays: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('server' as const),
      type: fc.constantFrom('dispatch_expire', 'lapse', 'lapse', 'end_grace', 'time_out'),
      attempt: fc.constantFrom(0, 0, 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('person' as const),
      type: fc.constantFrom('cancel', 'accept', 'reject', 'retry'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 0, max: 1_000_000 }) }),
  },
)

export interface Step {
  readonly command: Command
  readonly before: Task
  readonly after: Task
  readonly entries: readonly LogEntry[]
  readonly refused: boolean
  readonly now: number
}

/** Plays draws over a fresh task; gives every step and the whole log. */
export function play(
  taskTerms: TaskTerms,
  waiting: boolean,
  draws: readonly Draw[],
): { steps: Step[]; log: LogEntry[]; task: Task } {
  let now = 1_000
  const log: LogEntry[] = []
  const born = decide(null, { type: 'create', taskId, terms: taskTerms, waitOn: waiting ? ['condition'] : [] }, now)
  if (!born.ok) throw new Error('a create is never refused here')
  let task = born.entries.reduce<Task | null>(evolve, null)
  if (task === null) throw new Error('a create makes a task')
  log.push(...born.entries)
  const steps: Step[] = []
  for (const [index, each] of draws.entries()) {
    if (each.kind === 'time') {
      now += each.ms
      continue
    }
    const command = spell(each, task, index, now)
    if (command === null) continue
    const before: Task = task
    const decision = decide(before, command, now)
    const entries = decision.ok ? decision.entries : []
    task = entries.reduce<Task>(evolve, before)
    log.push(...entries)
    steps.push({ command, before, after: task, entries, refused: !decision.ok, now })
  }
  return { steps, log, task }
}

function spell(each: Exclude<Draw, { kind: 'time' }>, task: Task, index: number, now: number): Command | null {
  if (each.kind === 'plain') return { type: each.type }
  if (each.kind === 'person')
    return each.type === 'retry' ? { type: 'retry', by: 'user:x' } : { type: each.type, by: 'user:x', message: '' }
  if (each.kind === 'claim')
    return { type: 'claim', attemptId: `att_${index}` as AttemptId, daemonId: daemons[each.daemon] ?? 'dmn_a' }
  const attempt = task.attempts.at(-1 - each.attempt)
  if (attempt === undefined) return null
  if (each.kind === 'server') {
    if (each.type === 'lapse') return { type: 'lapse', attemptId: attempt.id, graceUntil: now + 600_000 }
    if (each.type === 'time_out') return { type: 'time_out', attemptId: attempt.id, detail: 'too long' }
    return { type: each.type, attemptId: attempt.id }
  }
  const owner = { attemptId: attempt.id, epoch: attempt.epoch + each.epochOff, daemonId: attempt.daemonId }
  if (each.type === 'complete')
    return { type: 'complete', owner, facts: { changed: each.changed, output: each.changed } }
  if (each.type === 'fail') {
    const { reason, detail, resetIn, stays } = each
    return { type: 'fail', owner, reason, detail, resetAt: resetIn === null ? null : now + resetIn, stays }
  }
  return { type: each.type, owner }
}

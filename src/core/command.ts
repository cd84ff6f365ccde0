// What may be asked of a task. Ids and time come in as arguments; nothing here reads a clock.

import type { AttemptId, DaemonId, TaskId } from './id.ts'
import type { AttemptReason } from './reason.ts'
import type { Owner, TaskTerms, WaitReason } from './task.ts'

export type Command =
  | {
      readonly type: 'create'
      readonly taskId: TaskId
      readonly terms: TaskTerms /** Empty: queued at once. */
      readonly waitOn: readonly WaitReason[]
    }
  // conditions and clocks
  | { readonly type: 'ready' }
  | { readonly type: 'unsatisfiable'; readonly detail: string }
  | { readonly type: 'expire' }
  | { readonly type: 'quota_over' }
  /** Somebody whom the limit does not concern may take it. */
  | { readonly type: 'reroute' }
  // a daemon's words; each names the claim it speaks for
  | { readonly type: 'claim'; readonly attemptId: AttemptId; readonly daemonId: DaemonId }
  | { readonly type: 'hear'; readonly owner: Owner }
  | { readonly type: 'start'; readonly owner: Owner }
  | { readonly type: 'complete'; readonly owner: Owner; readonly facts: CompletionFacts }
  | {
      readonly type: 'fail'
      readonly owner: Owner
      readonly reason: AttemptReason
      readonly detail: string
      readonly resetAt: number | null
      /** Of a spent quota: the task is not sent elsewhere. */
      readonly stays?: boolean
    }
  // what the server concludes from silence
  | { readonly type: 'dispatch_expire'; readonly attemptId: AttemptId }
  | { readonly type: 'lapse'; readonly attemptId: AttemptId; readonly graceUntil: number }
  | { readonly type: 'end_grace'; readonly attemptId: AttemptId }
  | { readonly type: 'time_out'; readonly attemptId: AttemptId; readonly detail: string }
  // a person's words
  | { readonly type: 'cancel'; readonly by: string; readonly message: string }
  | { readonly type: 'accept'; readonly by: string; readonly message: string }
  | { readonly type: 'reject'; readonly by: string; readonly message: string }
  | { readonly type: 'retry'; readonly by: string }

/** What the evidence says, in the two bits that completion turns on. */
export interface CompletionFacts {
  /** The final tree differs from base. */
  readonly changed: boolean
  /** An output was handed in and fits the schema. */
  readonly output: boolean
}

export interface Refusal {
  readonly code: 'lease_lost' | 'invalid_state'
  /** One sentence with the state that stands in the way. */
  readonly detail: string
}

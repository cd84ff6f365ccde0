// The append-only log of a task: what happened, one entry each. Folding the entries gives the row.

import type { AttemptEnd } from './attempt.ts'
import type { AttemptId, DaemonId, TaskId } from './id.ts'
import type { AttemptReason, TaskReason } from './reason.ts'
import type { QueueReason, TaskTerms, WaitReason } from './task.ts'

export type LogEntry =
  // birth
  | { readonly type: 'created'; readonly taskId: TaskId; readonly terms: TaskTerms }
  | { readonly type: 'waiting'; readonly on: readonly WaitReason[] }
  // the queue
  | { readonly type: 'queued'; readonly why: QueueReason; readonly notBefore: number }
  | { readonly type: 'quota_parked'; readonly until: number; readonly stays?: true }
  | {
      readonly type: 'claimed'
      readonly attemptId: AttemptId
      readonly n: number
      readonly epoch: number
      readonly daemonId: DaemonId
      readonly at: number
    }
  // an attempt's life
  | { readonly type: 'started'; readonly attemptId: AttemptId }
  | { readonly type: 'lease_lapsed'; readonly attemptId: AttemptId; readonly graceUntil: number }
  | { readonly type: 'lease_resumed'; readonly attemptId: AttemptId }
  | {
      readonly type: 'attempt_ended'
      readonly attemptId: AttemptId
      readonly state: AttemptEnd
      readonly reason: AttemptReason | null
      readonly detail: string
      readonly by: 'owner' | 'server'
      readonly at: number
    }
  // the end
  | { readonly type: 'completed'; readonly verdict: 'pending' | 'accepted' }
  | { readonly type: 'failed'; readonly reason: TaskReason; readonly detail: string }
  | { readonly type: 'cancelled'; readonly by: string; readonly message: string }
  | { readonly type: 'expired' }
  // after the end
  | { readonly type: 'accepted'; readonly by: string; readonly message: string }
  | { readonly type: 'rejected'; readonly by: string; readonly message: string }
  | { readonly type: 'reopened'; readonly by: string }

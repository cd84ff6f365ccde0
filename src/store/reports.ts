// Final reports: what an owner says at the end of an attempt decides the task and is kept, in one command.

import type { CompletionFacts, Refusal } from '../core/command.ts'
import type { AttemptReason } from '../core/reason.ts'
import type { RetryPolicy } from '../core/retry.ts'
import { defaultRetryPolicy } from '../core/retry.ts'
import { recordOutcome } from './attempts.ts'
import { attemptRow, leaseLost, ownerOf } from './owners.ts'
import type { Outcome, TaskRecord, Tx, Work } from './port.ts'
import { transition } from './transition.ts'

interface Reported {
  readonly attemptId: string
  readonly epoch: number
  readonly outcome: Outcome & { readonly sessionRef: string | null }
}

export type FinalReport =
  | (Reported & { readonly kind: 'complete'; readonly facts: CompletionFacts })
  | (Reported & {
      readonly kind: 'fail'
      readonly reason: AttemptReason
      readonly detail: string
      readonly resetAt: number | null
    })

export type ReportAnswer =
  | { readonly is: 'done'; readonly record: TaskRecord }
  | { readonly is: 'refused'; readonly refusal: Refusal }

/**
 * Takes a final report. A repeated one is answered alike and changes nothing; one that meets a cancelled task is kept and changes nothing;
 * one of a superseded owner is refused with `lease_lost`, and its work belongs to salvage.
 */
export function* report(
  tx: Tx,
  daemonId: string,
  said: FinalReport,
  policy: RetryPolicy = defaultRetryPolicy,
): Work<ReportAnswer> {
  const claimant = { daemonId, attemptId: said.attemptId, epoch: said.epoch }
  const row = yield* attemptRow(tx, said.attemptId)
  if (row === null) return { is: 'refused', refusal: leaseLost(null, claimant) }
  const cause = { actor: `daemon:${row.daemon_name}`, cause: said.kind }
  const moved = yield* transition(tx, row.task_id, commandOf(daemonId, said), { cause, policy })
  if (moved.is === 'missing') return { is: 'refused', refusal: leaseLost(null, claimant) }
  if (moved.is === 'refused') return moved
  const recorded = yield* recordOutcome(tx, said.attemptId, said.outcome)
  return { is: 'done', record: recorded ? withOutcome(moved.record, said) : moved.record }
}

function withOutcome(record: TaskRecord, { attemptId, outcome: { sessionRef, ...outcome } }: FinalReport): TaskRecord {
  const attempts = record.attempts.map((each) =>
    each.attempt.id === attemptId ? { ...each, outcome, sessionRef } : each,
  )
  return { ...record, attempts }
}

function commandOf(daemonId: string, said: FinalReport) {
  const owner = ownerOf({ daemonId, attemptId: said.attemptId, epoch: said.epoch })
  switch (said.kind) {
    case 'complete':
      return { type: 'complete', owner, facts: said.facts } as const
    case 'fail': {
      const { reason, detail, resetAt } = said
      return { type: 'fail', owner, reason, detail, resetAt } as const
    }
  }
}

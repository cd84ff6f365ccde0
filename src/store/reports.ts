// Final reports: what an owner says at the end of an attempt decides the task and is kept, in one command.

import type { CompletionFacts, Refusal } from '../core/command.ts'
import { decide } from '../core/decide.ts'
import { evolve } from '../core/evolve.ts'
import type { AttemptReason } from '../core/reason.ts'
import type { RetryPolicy } from '../core/retry.ts'
import { defaultRetryPolicy } from '../core/retry.ts'
import type { Task } from '../core/task.ts'
import { leaseLost, ownerOf } from './owners.ts'
import type { Change, ReportFacts } from './persist.ts'
import { saveChanges } from './persist.ts'
import type { Outcome, TaskRecord, Tx, Work } from './port.ts'
import { changeBy as changeRows } from './query.ts'
import type { AttemptRow, Loaded } from './task-rows.ts'
import { lockTaskOfAttempt, lockTasksOfAttempts, toRecords } from './task-rows.ts'
import { text } from './text.ts'
import { move } from './transition.ts'
import { settleWaiters } from './waiters.ts'

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
      /** Of a spent quota: the task is not sent elsewhere. */
      readonly stays?: boolean
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
  const loaded = yield* lockTaskOfAttempt(tx, said.attemptId)
  const row = loaded === null ? undefined : attemptIn(loaded, said.attemptId)
  if (loaded === null || row === undefined) return { is: 'refused', refusal: leaseLost(null, claimant) }
  const cause = { actor: `daemon:${row.daemon_name}`, cause: said.kind }
  const facts = factsOf(said)
  const moved = yield* move(tx, loaded, commandOf(daemonId, said), { cause, policy, report: facts })
  if (moved.is === 'refused') return moved
  // It decided nothing, so nothing was written; it is kept all the same.
  const kept = attemptIn(moved.loaded, row.id)?.outcome !== null
  const [record] = yield* toRecords(tx, [kept ? moved.loaded : yield* keepReport(tx, moved.loaded, facts)])
  if (record === undefined) throw new Error(`${row.task_id} has no record`)
  return { is: 'done', record }
}

export interface ReportBy {
  readonly daemonId: string
  readonly said: FinalReport
}

/** Several of them with as few statements as the database allows; answers in their order. */
export function* reportTogether(tx: Tx, reports: readonly ReportBy[], policy: RetryPolicy): Work<ReportAnswer[]> {
  const answers = new Map<ReportBy, ReportAnswer>()
  const loaded = yield* lockTasksOfAttempts(
    tx,
    reports.map(({ said }) => said.attemptId),
  )
  const todo = new Map(loaded.map((each) => [each, reports.filter((by) => attemptIn(each, by.said.attemptId))]))
  const changes: { by: ReportBy; change: Change }[] = []
  for (const [before, [by, ...more]] of todo) {
    const change = by === undefined || more.length > 0 ? null : changeBy(tx, before, by, policy)
    if (by !== undefined && change !== null) changes.push({ by, change })
  }
  const saved = yield* saveChanges(
    tx,
    changes.map(({ change }) => change),
  )
  yield* settleWaiters(tx, saved, policy)
  const records = yield* toRecords(tx, saved)
  for (const [i, { by }] of changes.entries()) {
    const record = records[i]
    if (record !== undefined) answers.set(by, { is: 'done', record })
  }
  // What is left decides nothing, is refused, or speaks of a task that another one of these moved.
  for (const by of reports) if (!answers.has(by)) answers.set(by, yield* report(tx, by.daemonId, by.said, policy))
  return reports.flatMap((by) => answers.get(by) ?? [])
}

/** Null: it is refused, or changes nothing. */
function changeBy(tx: Tx, before: Loaded, { daemonId, said }: ReportBy, policy: RetryPolicy): Change | null {
  const decision = decide(before.task, commandOf(daemonId, said), tx.now, policy)
  if (!decision.ok || decision.entries.length === 0) return null
  const { entries } = decision
  const row = attemptIn(before, said.attemptId)
  const cause = { actor: `daemon:${row?.daemon_name}`, cause: said.kind }
  return { before, after: entries.reduce<Task>(evolve, before.task), entries, cause, report: factsOf(said) }
}

function factsOf({ attemptId, outcome: { sessionRef, ...outcome } }: FinalReport): ReportFacts {
  return { attemptId, outcome: JSON.stringify(outcome), sessionRef }
}

function attemptIn({ attemptRows }: Loaded, attemptId: string): AttemptRow | undefined {
  return attemptRows.find((each) => each.id === attemptId)
}

function* keepReport(tx: Tx, loaded: Loaded, { attemptId, outcome, sessionRef }: ReportFacts): Work<Loaded> {
  yield* changeRows(
    tx,
    text`update attempts set outcome = ${outcome}, session_ref = ${sessionRef} where id = ${attemptId}`,
  )
  const attemptRows = loaded.attemptRows.map((each) =>
    each.id === attemptId ? { ...each, outcome, session_ref: sessionRef } : each,
  )
  return { ...loaded, attemptRows }
}

function commandOf(daemonId: string, said: FinalReport) {
  const owner = ownerOf({ daemonId, attemptId: said.attemptId, epoch: said.epoch })
  switch (said.kind) {
    case 'complete':
      return { type: 'complete', owner, facts: said.facts } as const
    case 'fail': {
      const { reason, detail, resetAt, stays = false } = said
      return { type: 'fail', owner, reason, detail, resetAt, stays } as const
    }
  }
}

// A task as one card, an attempt as one line: what the board and the lists of jobs show.

import { isOpen } from '../../core/attempt.ts'
import { groupOf } from '../../core/board.ts'
import type { Card, CardAttempt, Job } from '../../protocol/board.ts'
import type { AttemptRecord, TaskRecord } from '../../store/port.ts'
import { stalledSince, viewTask } from './task-view.ts'

/** How much of a failure's words a card shows. */
const detailLimit = 300

export function cardOf(
  record: TaskRecord,
  facts: { readonly stalledBefore: number; readonly why: string | null },
): Card {
  const view = viewTask(record, facts)
  const last = record.attempts.at(-1)
  const openRequests = last !== undefined && isOpen(last.attempt) ? last.asks : 0
  const attempt =
    last === undefined ? null : cardAttempt(last, record.spec.interactive === true ? 0 : facts.stalledBefore)
  const { id, state, reason, verdict, why, title, repo, harness, labels, priority } = view
  const { createdAt, createdBy, queuedAt, notBefore, endedAt } = view
  return {
    ...{ id, state, reason, verdict, why, title, repo, harness, labels, priority },
    ...{ createdAt, createdBy, queuedAt, notBefore, endedAt, openRequests, attempt },
    group: groupOf({ state, verdict, openRequests, stalled: attempt?.stalledSince != null }),
    detail: view.detail.slice(0, detailLimit),
    attempts: record.attempts.length,
  }
}

export function jobOf(record: TaskRecord, attempt: AttemptRecord, stalledBefore: number): Job {
  const { task, spec, needs } = record
  return { ...cardAttempt(attempt, stalledBefore), taskId: task.id, title: spec.title, repo: needs.repo }
}

function cardAttempt(record: AttemptRecord, stalledBefore: number): CardAttempt {
  const { attempt, outcome } = record
  const usage = outcome?.usage ?? null
  const evidence = outcome?.evidence ?? null
  const checks = evidence?.checks.filter((check) => check.skipped === undefined) ?? []
  return {
    n: attempt.n,
    id: attempt.id,
    state: attempt.state,
    reason: isOpen(attempt) ? null : attempt.reason,
    daemonId: attempt.daemonId,
    daemonName: record.daemonName,
    harness: record.harness,
    model: record.model,
    startedAt: attempt.claimedAt,
    endedAt: isOpen(attempt) ? null : attempt.endedAt,
    lastEventAt: record.lastEventAt,
    stalledSince: stalledSince(record, stalledBefore),
    eventCount: record.eventCount,
    tokens: usage === null ? null : sum(Object.values(usage)),
    costUsd: outcome?.costUsd ?? null,
    filesChanged: evidence?.filesChanged ?? null,
    insertions: evidence?.insertions ?? null,
    deletions: evidence?.deletions ?? null,
    checksPassed: checks.filter((check) => check.exitCode === 0).length,
    checksFailed: checks.filter((check) => check.exitCode !== 0).length,
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

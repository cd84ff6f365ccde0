// A task as the store keeps it → as everyone sees it.

import { isOpen } from '../../core/attempt.ts'
import type { Status } from '../../core/task.ts'
import type { ContextEntry } from '../../protocol/context.ts'
import type { AttemptView, TaskView } from '../../protocol/task.ts'
import { defaultStallMs } from '../../protocol/task.ts'
import type { AttemptRecord, TaskRecord } from '../../store/port.ts'

export interface ViewFacts {
  /** For a single task only: it costs a look at the fleet. */
  readonly why?: string | null
  /** An agent that last spoke before this is shown as stalled, ms; none: nobody asks. */
  readonly stalledBefore?: number
}

export function viewTask(record: TaskRecord, { why = null, stalledBefore = 0 }: ViewFacts = {}): TaskView {
  const { task, spec, needs } = record
  return {
    id: task.id,
    state: task.status.state,
    ...viewStatus(task.status),
    ...spec,
    // documents of an older server lack these
    failover: spec.failover ?? 'patient',
    onStall: spec.onStall ?? 'notify',
    stallTimeoutMs: spec.stallTimeoutMs ?? defaultStallMs,
    onRateLimit: spec.onRateLimit ?? null,
    thinkingLevel: spec.thinkingLevel ?? null,
    outputSchema: spec.outputSchema ?? null,
    ...task.terms,
    retryOn: [...task.terms.retryOn],
    ...needs,
    profiles: [...needs.profiles],
    labels: [...needs.labels],
    checks: [...spec.checks],
    context: spec.context.map(viewContext),
    attachments: [...spec.attachments],
    priority: record.priority,
    runAt: record.runAt,
    correlationId: record.correlationId,
    causeId: record.causeId,
    hops: record.hops,
    epoch: task.epoch,
    openRequests: record.attempts.reduce((sum, { attempt, asks }) => sum + (isOpen(attempt) ? asks : 0), 0),
    createdAt: record.createdAt,
    createdBy: record.createdBy,
    queuedAt: record.queuedAt,
    endedAt: record.endedAt,
    why,
    // the silence of an interactive run is a person's
    attempts: record.attempts.map((attempt) => viewAttempt(attempt, spec.interactive === true ? 0 : stalledBefore)),
  }
}

/** Without its text: a list of tasks would carry each of them. */
function viewContext({ slug, binding, text }: ContextEntry): TaskView['context'][number] {
  return { slug, binding: binding ?? 'user_inline', bytes: Buffer.byteLength(text) }
}

type StatusView = Pick<TaskView, 'reason' | 'detail' | 'verdict' | 'notBefore'>

function viewStatus(status: Status): StatusView {
  const plain: StatusView = { reason: null, detail: '', verdict: null, notBefore: null }
  switch (status.state) {
    case 'waiting':
      return { ...plain, reason: status.on[0] ?? null }
    case 'queued':
      return { ...plain, reason: status.why, notBefore: status.why === 'retry' ? status.notBefore : null }
    case 'parked':
      return { ...plain, reason: status.why, notBefore: status.until }
    case 'completed':
      return { ...plain, verdict: status.verdict, detail: status.message }
    case 'failed':
      return { ...plain, reason: status.reason, detail: status.detail }
    case 'cancelled':
      return { ...plain, detail: status.message === '' ? `by ${status.by}` : `by ${status.by}: ${status.message}` }
    case 'preparing':
    case 'running':
    case 'expired':
      return plain
  }
}

/**
 * Since when the agent is silent, if that was before `stalledBefore`. Only of an attempt that runs on a host that is heard, and not while it
 * waits for a person.
 */
export function stalledSince({ attempt, asks, lastEventAt, runningAt }: AttemptRecord, before: number): number | null {
  if (!isOpen(attempt) || attempt.state !== 'running' || attempt.ownership !== 'held' || asks > 0) return null
  const since = Math.max(lastEventAt ?? 0, runningAt ?? 0)
  return since > 0 && since <= before ? since : null
}

function viewAttempt(record: AttemptRecord, stalledBefore: number): AttemptView {
  const { attempt, outcome } = record
  return {
    n: attempt.n,
    id: attempt.id,
    epoch: attempt.epoch,
    state: attempt.state,
    ...(isOpen(attempt)
      ? { ownership: attempt.ownership, reason: null, detail: '', endedAt: null }
      : { ownership: null, reason: attempt.reason, detail: attempt.detail, endedAt: attempt.endedAt }),
    daemonId: attempt.daemonId,
    daemonName: record.daemonName,
    harness: record.harness,
    harnessVersion: record.harnessVersion,
    model: record.model,
    profileId: record.profileId,
    profileCid: record.profileCid,
    containment: record.containment,
    takesMessages: isOpen(attempt) && record.takesMessages,
    startedAt: attempt.claimedAt,
    runningAt: record.runningAt,
    leaseExpiresAt: record.leaseUntil,
    lastHeartbeatAt: record.lastHeartbeatAt,
    lastEventAt: record.lastEventAt,
    waitsSince: record.waitsSince,
    waitedMs: record.waitedMs,
    stalledSince: stalledSince(record, stalledBefore),
    eventCount: record.eventCount,
    exitCode: outcome?.exitCode ?? null,
    signal: outcome?.signal ?? null,
    usage: outcome?.usage ?? null,
    costUsd: outcome?.costUsd ?? null,
    costEstimated: outcome?.costEstimated ?? false,
    evidence: outcome?.evidence ?? null,
    output: outcome?.output ?? null,
    outputCid: outcome?.outputCid ?? null,
    sessionRef: record.sessionRef,
    sessionCid: outcome?.sessionCid ?? null,
    withheld: [...(outcome?.withheld ?? [])],
    salvage: [...record.salvage],
  }
}

// What an attempt's owner reports: events, how it ended, salvage, requests. Each is idempotent, each names its claim.

import type { CompletionFacts, Refusal } from '../../core/command.ts'
import { Problem } from '../../core/problem.ts'
import { cidOfJson } from '../../lib/cid.ts'
import type { NumberedEvent } from '../../protocol/events.ts'
import type { FromDaemonBody } from '../../protocol/link.ts'
import { appendEvents } from '../../store/events.ts'
import type { Store, TaskRecord, Tx, Work } from '../../store/port.ts'
import type { FinalReport, ReportAnswer } from '../../store/reports.ts'
import { report } from '../../store/reports.ts'
import { openRequest, withdrawRequest } from '../../store/requests.ts'
import { addSalvage } from '../../store/salvage.ts'
import { rememberSession } from '../../store/sessions.ts'
import type { Plane } from '../plane.ts'
import { ReportQueue } from './report-queue.ts'

/** The claim that a message speaks for. */
export interface Claim {
  readonly daemonId: string
  readonly attemptId: string
  readonly epoch: number
}

type Ending = FromDaemonBody<'result'>

/** Stores events in order; answers the seq expected next. Throws `lease_lost`. */
export async function storeEvents(plane: Plane, claim: Claim, events: readonly NumberedEvent[]): Promise<number> {
  const appended = await plane.store.run((tx) => appendEvents(tx, { ...claim, events }), { group: true })
  if (appended.is === 'refused') throw refused(appended.refusal)
  return appended.next
}

export async function storeResult(plane: Plane, daemonId: string, body: Ending): Promise<TaskRecord> {
  return storeReport(plane, daemonId, { ...reported(body), kind: 'complete', facts: factsOf(body) })
}

export async function storeFailure(plane: Plane, daemonId: string, body: FromDaemonBody<'fail'>): Promise<TaskRecord> {
  const { reason, detail, resetAt, stays = false } = body
  return storeReport(plane, daemonId, { ...reported(body), kind: 'fail', reason, detail, resetAt, stays })
}

/** The owner gives the attempt back: the task goes to the queue, and it costs no attempt. */
export async function storeAbort(plane: Plane, daemonId: string, body: FromDaemonBody<'abort'>): Promise<TaskRecord> {
  const { detail } = body
  return storeReport(plane, daemonId, {
    ...reported(body),
    kind: 'fail',
    reason: 'daemon_abort',
    detail,
    resetAt: null,
  })
}

/** Keeps late work of a superseded owner aside, where it is shown. It changes no state. */
export async function storeSalvage(plane: Plane, daemonId: string, body: FromDaemonBody<'salvage'>): Promise<void> {
  const answer = await plane.store.run((tx) => addSalvage(tx, { daemonId, ...body }))
  if (answer.is === 'refused') throw refused(answer.refusal)
}

export async function storeRequest(plane: Plane, daemonId: string, body: FromDaemonBody<'request'>): Promise<void> {
  const answer = await plane.store.run((tx) => openRequest(tx, { daemonId, ...body }))
  if (answer.is === 'refused') throw refused(answer.refusal)
}

export async function storeWithdrawal(
  plane: Plane,
  daemonId: string,
  { requestId, expired, ...claim }: FromDaemonBody<'withdraw'>,
): Promise<void> {
  const answer = await plane.store.run((tx) => withdrawRequest(tx, { daemonId, ...claim }, { requestId, expired }))
  if (answer.is === 'refused') throw refused(answer.refusal)
}

async function storeReport(plane: Plane, daemonId: string, said: FinalReport): Promise<TaskRecord> {
  const remember = function* (tx: Tx, answered: ReportAnswer): Work<void> {
    if (answered.is === 'done') yield* rememberSession(tx, answered.record, said.attemptId)
  }
  const answer =
    plane.store.dialect === 'postgres'
      ? await reportsOf(plane).add({ daemonId, said }, remember)
      : await plane.store.run(function* (tx) {
          const answered = yield* report(tx, daemonId, said, plane.settings.retry)
          yield* remember(tx, answered)
          return answered
        })
  if (answer.is === 'refused') throw refused(answer.refusal)
  return answer.record
}

const queues = new WeakMap<Store, ReportQueue>()

/** One queue for all daemons of a store. */
function reportsOf(plane: Plane): ReportQueue {
  const known = queues.get(plane.store)
  if (known !== undefined) return known
  const made = new ReportQueue(plane)
  queues.set(plane.store, made)
  return made
}

function reported(body: Ending) {
  const { attemptId, epoch, exitCode, signal, usage, evidence, withheld, sessionRef, sessionCid = null } = body
  const { costUsd, costEstimated = false } = body
  const output = body.output ?? null
  const outputCid = output === null ? null : cidOfJson(output)
  return {
    attemptId,
    epoch,
    outcome: {
      exitCode,
      signal,
      usage,
      costUsd,
      costEstimated,
      evidence,
      output,
      outputCid,
      withheld,
      sessionRef,
      sessionCid,
    },
  }
}

/** Changed: the final tree differs from base. Without evidence nothing is proved, so nothing has changed. */
function factsOf({ evidence, output }: Ending): CompletionFacts {
  const changed = evidence !== null && (evidence.filesChanged > 0 || evidence.commitsAhead > 0)
  return { changed, output: output !== undefined && output !== null }
}

function refused({ code, detail }: Refusal): Problem {
  return new Problem(code, detail)
}

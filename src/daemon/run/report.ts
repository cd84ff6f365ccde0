// The last word about a run: a result, a failure, work given back, or what a superseded owner still hands in.

import type { FromDaemonBody } from '../../protocol/link.ts'
import { staysForQuota } from '../quota/keeper.ts'
import type { RunState } from './state.ts'

type Report =
  | { readonly kind: 'result'; readonly body: FromDaemonBody<'result'> }
  | { readonly kind: 'fail'; readonly body: FromDaemonBody<'fail'> }
  | { readonly kind: 'abort'; readonly body: FromDaemonBody<'abort'> }

/** The final report of a run whose end is known. */
export function reportOf(state: RunState): Report {
  const { ending, assignment } = state
  if (ending === null) throw new Error(`${assignment.attemptId} has not ended`)
  const body = {
    attemptId: assignment.attemptId,
    epoch: assignment.epoch,
    at: ending.at,
    exitCode: ending.exitCode,
    signal: ending.signal,
    usage: ending.usage,
    costUsd: ending.costUsd,
    costEstimated: ending.costEstimated ?? false,
    evidence: state.evidence,
    withheld: [...state.withheld],
    ...(state.output === null ? {} : { output: state.output }),
    sessionRef: ending.sessionRef?.slice(0, 1_000) ?? null,
    sessionCid: state.sessionCid ?? null,
  }
  if (ending.failure === null) return { kind: 'result', body }
  const { reason, detail, class: errorClass, resetAt } = ending.failure
  const said = detail.slice(0, 4_000)
  if (reason === 'daemon_abort') return { kind: 'abort', body: { ...body, detail: said } }
  const stays = reason === 'quota' ? { stays: staysForQuota(assignment) } : {}
  return { kind: 'fail', body: { ...body, reason, detail: said, class: errorClass, resetAt, ...stays } }
}

/** What a superseded owner still hands in: kept aside by the server, never the task's result. */
export function salvageOf(
  state: RunState,
  why: string,
): { readonly kind: 'salvage'; readonly body: FromDaemonBody<'salvage'> } {
  const { attemptId, epoch } = state.assignment
  return {
    kind: 'salvage',
    body: { attemptId, epoch, kind: 'checkpoint', detail: why.slice(0, 4_000), evidence: state.evidence, events: [] },
  }
}

// A task that an agent creates from inside its run. It gets no more than its creator has: a prompt that the agent read somewhere must
// not lead to a place, a power or a budget that the person did not give.

import { Problem } from '../../core/problem.ts'
import { openAttempt } from '../../core/task.ts'
import { makeId } from '../../lib/ids.ts'
import type { FromDaemonBody, FromDaemonReply } from '../../protocol/link.ts'
import { limits } from '../../protocol/names.ts'
import type { AgentTaskCreate, Budgets, TaskCreate } from '../../protocol/task.ts'
import { countCausedBy } from '../../store/causes.ts'
import { attemptRow, granted, leaseLost } from '../../store/owners.ts'
import type { NewTask, TaskRecord, Tx, Work } from '../../store/port.ts'
import { lockTask } from '../../store/task-rows.ts'
import type { Caller, Plane } from '../plane.ts'
import { createOnce } from './task-draft.ts'
import { requireTask } from './tasks.ts'

type Asked = FromDaemonBody<'create_task'>

/**
 * Creates once per attempt and key. Throws `lease_lost` unless the attempt is the daemon's and open, `hops_exceeded`, `too_many_tasks`,
 * `invalid_request` for what its creator does not have, and what a person's creation is refused for.
 */
export async function createAgentTask(
  plane: Plane,
  daemonId: string,
  asked: Asked,
): Promise<FromDaemonReply<'create_task'>> {
  const id = makeId('task', plane.clock.now())
  const record = await plane.store.run(function* (tx) {
    const cause = yield* causeOf(tx, daemonId, asked)
    const caller = callerOf(cause)
    const idempotencyKey = `agent:${asked.attemptId}:${asked.key}`
    const draft = { id, caller, body: inherited(asked.task, cause), idempotencyKey }
    const { record, created } = yield* createOnce(tx, draft, (given) => refuseBeyond(given, cause))
    if (created) yield* refuseTooMany(tx, cause)
    return record
  })
  const { task, spec, hops } = record
  return { id: task.id, title: spec.title, state: task.status.state, hops }
}

/** The task whose agent asks, locked: two of its agents' wishes are counted one after the other. */
function* causeOf(tx: Tx, daemonId: string, { attemptId, epoch }: Asked): Work<TaskRecord> {
  const claimant = { daemonId, attemptId, epoch }
  const seen = yield* attemptRow(tx, attemptId)
  if (seen !== null) yield* lockTask(tx, seen.task_id)
  const row = yield* attemptRow(tx, attemptId)
  if (!granted(row, claimant) || row.open === 0) throw new Problem('lease_lost', leaseLost(row, claimant).detail)
  const cause = yield* requireTask(tx, row.team_id, row.task_id)
  if (openAttempt(cause.task)?.ownership === 'stopping')
    throw new Problem('invalid_state', `${cause.task.id} is being stopped; its agent creates nothing more`)
  return cause
}

function callerOf({ task, teamId }: TaskRecord): Caller {
  return { actor: `agent:${task.id}`, tokenId: '', teamId, scopes: [], role: 'member', account: null, operator: false }
}

/** What the agent did not say is as in its own task. */
function inherited(asked: AgentTaskCreate, cause: TaskRecord): TaskCreate {
  const { needs, spec, task } = cause
  const repo = asked.repo ?? (asked.workspace?.mode === 'scratch' ? null : needs.repo)
  return {
    ...asked,
    ...(repo === null ? {} : { repo }),
    ...(asked.pool === undefined && needs.pool !== null ? { pool: needs.pool } : {}),
    ...(asked.daemon === undefined && needs.daemon !== null ? { daemon: needs.daemon } : {}),
    profiles: asked.profiles ?? [...needs.profiles],
    labels: [...new Set([...needs.labels, ...(asked.labels ?? [])])].slice(0, limits.labels),
    autonomy: spec.autonomy,
    budgets: smaller(asked.budgets ?? {}, spec.budgets),
    maxAttempts: Math.min(asked.maxAttempts ?? task.terms.maxAttempts, task.terms.maxAttempts),
    runningTimeoutMs: shorter(asked.runningTimeoutMs ?? spec.runningTimeoutMs, spec.runningTimeoutMs),
    priority: cause.priority,
    causeId: task.id,
  }
}

function smaller(asked: Budgets, own: Budgets): Budgets {
  const least = (a: number | undefined, b: number | undefined) =>
    a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
  const all = {
    maxTurns: least(asked.maxTurns, own.maxTurns),
    maxTokens: least(asked.maxTokens, own.maxTokens),
    maxCostUsd: least(asked.maxCostUsd, own.maxCostUsd),
    maxBashTimeouts: least(asked.maxBashTimeouts, own.maxBashTimeouts),
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

/** 0 is no limit. */
function shorter(asked: number, own: number): number {
  if (own === 0) return asked
  return asked === 0 ? own : Math.min(asked, own)
}

/** A script is not something that an agent may run on a host by way of a task, unless it is one. */
function refuseBeyond({ needs }: NewTask, cause: TaskRecord): void {
  const own = cause.needs
  const refuse = (what: string) => {
    throw new Problem('invalid_request', `the agent of ${cause.task.id} may not create a task with ${what}`)
  }
  if (needs.harness === 'shell' && own.harness !== 'shell') refuse('harness shell')
  if (own.pool !== null && needs.pool !== own.pool) refuse(`a pool other than its own, ${own.pool}`)
  if (own.daemon !== null && needs.daemon !== own.daemon) refuse('a host other than its own')
  const foreign = own.profiles.length === 0 ? undefined : needs.profiles.find((each) => !own.profiles.includes(each))
  if (foreign !== undefined) refuse(`profile ${foreign}; its own are ${own.profiles.join(', ')}`)
}

/** Counted with the new one, in its transaction. */
function* refuseTooMany(tx: Tx, { task, teamId }: TaskRecord): Work<void> {
  const count = yield* countCausedBy(tx, teamId, task.id)
  if (count > limits.agentTasks)
    throw new Problem('too_many_tasks', `${task.id} has created ${limits.agentTasks} tasks; that is the limit`)
}

// What a claim hands out, as the daemon gets it.

import { Problem } from '../../core/problem.ts'
import { isTerminal, openAttempt } from '../../core/task.ts'
import type { ProfileView } from '../../protocol/fleet.ts'
import type { Assignment } from '../../protocol/link.ts'
import type { Continuation } from '../../protocol/session.ts'
import type { TaskRecord } from '../../store/port.ts'
import { getTask } from '../../store/tasks.ts'
import type { Plane } from '../plane.ts'
import { taskTimeouts } from '../settings.ts'
import { viewTask } from './task-view.ts'

/** Throws `unknown_task` or `invalid_state` for a task that nobody can claim any more: a claim of it would wait for nothing. */
export async function requireUnended({ store }: Plane, teamId: string, taskId: string): Promise<void> {
  const record = await store.read((tx) => getTask(tx, teamId, taskId))
  if (record === null) throw new Problem('unknown_task', `there is no task ${JSON.stringify(taskId)} in this team`)
  if (isTerminal(record.task)) throw new Problem('invalid_state', `${taskId} is ${record.task.status.state} already`)
}

/**
 * A task that names one profile has its time limit since it was made. Where the host chooses the profile, its limit stands in for the default;
 * a task that says the default itself cannot be told from one that says nothing.
 */
function runningTimeoutOf({ spec, needs }: TaskRecord, profile: ProfileView | null): number {
  const own = profile?.settings.runningTimeoutMs
  const unsaid = needs.profiles.length !== 1 && spec.runningTimeoutMs === taskTimeouts.runningMs
  return own !== undefined && unsaid ? own : spec.runningTimeoutMs
}

/** The open attempt of a task as an assignment; null when it has none. */
export function assignmentOf(
  record: TaskRecord,
  profile: ProfileView | null,
  continuation: Continuation | null = null,
): Assignment | null {
  const open = openAttempt(record.task)
  if (open === null) return null
  const task = viewTask(record)
  return {
    attemptId: open.id,
    epoch: open.epoch,
    n: open.n,
    task: {
      id: task.id,
      teamId: task.teamId,
      type: task.type,
      title: task.title,
      prompt: task.prompt,
      input: task.input,
      expect: task.expect,
      repo: task.repo,
      harness: task.harness,
      model: task.model,
      thinkingLevel: task.thinkingLevel,
      autonomy: task.autonomy,
      role: task.role,
      labels: task.labels,
      workspace: task.workspace,
      checks: task.checks,
      budgets: task.budgets,
      runningTimeoutMs: runningTimeoutOf(record, profile),
      setupTimeoutMs: task.setupTimeoutMs,
      checkTimeoutMs: task.checkTimeoutMs,
      onStall: task.onStall,
      stallTimeoutMs: task.stallTimeoutMs,
      outputSchema: task.outputSchema,
      onRateLimit: task.onRateLimit,
      correlationId: task.correlationId,
      hops: task.hops,
      createdBy: task.createdBy,
      interactive: task.interactive,
      context: [...record.spec.context],
      attachments: record.spec.attachments.map(({ name, cid }) => ({ name, cid })),
    },
    profile,
    continuation,
  }
}

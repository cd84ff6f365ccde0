// What a claim hands out, as the daemon gets it.

import { openAttempt } from '../../core/task.ts'
import type { ProfileView } from '../../protocol/fleet.ts'
import type { Assignment } from '../../protocol/link.ts'
import type { TaskRecord } from '../../store/port.ts'
import { viewTask } from './task-view.ts'

/** The open attempt of a task as an assignment; null when it has none. */
export function assignmentOf(record: TaskRecord, profile: ProfileView | null): Assignment | null {
  const open = openAttempt(record.task)
  if (open === null) return null
  const task = viewTask(record)
  return {
    attemptId: open.id,
    epoch: open.epoch,
    n: open.n,
    task: {
      id: task.id,
      type: task.type,
      title: task.title,
      prompt: task.prompt,
      input: task.input,
      expect: task.expect,
      repo: task.repo,
      harness: task.harness,
      model: task.model,
      autonomy: task.autonomy,
      role: task.role,
      labels: task.labels,
      workspace: task.workspace,
      checks: task.checks,
      budgets: task.budgets,
      runningTimeoutMs: task.runningTimeoutMs,
      setupTimeoutMs: task.setupTimeoutMs,
      checkTimeoutMs: task.checkTimeoutMs,
      correlationId: task.correlationId,
      hops: task.hops,
      createdBy: task.createdBy,
    },
    profile,
  }
}

// A line or more for each change of a task's state, between the lines of its transcript.

import type { TaskView } from '../../protocol/task.ts'
import type { Look } from './outcome.ts'
import { becauseOf, lastAttempt } from './standing.ts'
import { oneLine } from './visible.ts'
import { wrap } from './wrap.ts'

/** None for states that the transcript or the outcome tells better. */
export function progressLines(task: TaskView, now: number, { style, width }: Look): readonly string[] {
  const text = progressText(task, now)
  return text === null ? [] : wrap(text, width).map(style.dim)
}

function progressText(task: TaskView, now: number): string | null {
  const because = becauseOf(task, now)
  switch (task.state) {
    case 'waiting':
    case 'parked':
      return because === null || !because.startsWith(task.state)
        ? `${task.state}${because === null ? '' : `: ${because}`}`
        : because
    case 'queued':
      return task.attempts.length === 0 && task.why === null ? null : `queued${because === null ? '' : `: ${because}`}`
    case 'preparing':
      return `preparing on ${oneLine(lastAttempt(task)?.daemonName ?? 'a host')}`
    case 'running':
      return `running${agentOf(task)} on ${oneLine(lastAttempt(task)?.daemonName ?? 'a host')}`
    case 'completed':
    case 'failed':
    case 'cancelled':
    case 'expired':
      return null
  }
}

function agentOf(task: TaskView): string {
  const attempt = lastAttempt(task)
  const names = [attempt?.harness, attempt?.harnessVersion, attempt?.model].filter((each) => each != null)
  return names.length === 0 ? '' : ` ${oneLine(names.join(' '))}`
}

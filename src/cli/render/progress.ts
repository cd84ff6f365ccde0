// One line for each change of a task's state, between the lines of its transcript.

import type { TaskView } from '../../protocol/task.ts'
import type { Look } from './outcome.ts'
import { becauseOf, lastAttempt } from './standing.ts'
import { oneLine } from './visible.ts'
import { cut } from './wrap.ts'

/** Null for states that the transcript or the outcome tells better. */
export function progressLine(task: TaskView, now: number, { style, width }: Look): string | null {
  const text = progressText(task, now)
  return text === null ? null : style.dim(cut(text, width))
}

function progressText(task: TaskView, now: number): string | null {
  const because = becauseOf(task, now)
  switch (task.state) {
    case 'waiting':
    case 'parked':
      return `${task.state}${because === null ? '' : `: ${because}`}`
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

// Where a task stands, in the words people see. Derived from facts, never stored.

import type { AttemptView, TaskView } from '../../protocol/task.ts'
import { relative } from './figures.ts'
import type { Style } from './style.ts'
import { oneLine } from './visible.ts'

export interface Standing {
  readonly word: string
  readonly tone: 'good' | 'bad' | 'busy' | 'calm' | 'yours'
}

/** One or two words for a column. */
export function standingOf(task: TaskView): Standing {
  switch (task.state) {
    case 'waiting':
    case 'queued':
      return { word: task.state, tone: 'calm' }
    case 'preparing':
    case 'running':
      return task.openRequests > 0 ? { word: 'needs you', tone: 'yours' } : { word: task.state, tone: 'busy' }
    case 'parked':
      return { word: 'parked', tone: 'yours' }
    case 'completed':
      return completed(task)
    case 'failed':
    case 'expired':
      return { word: task.state, tone: 'bad' }
    case 'cancelled':
      return { word: lastAttempt(task)?.ownership === 'stopping' ? 'stopping' : 'cancelled', tone: 'calm' }
  }
}

function completed(task: TaskView): Standing {
  if (task.verdict === 'pending') return { word: 'in review', tone: 'yours' }
  if (task.verdict === 'rejected') return { word: 'rejected', tone: 'bad' }
  return { word: 'completed', tone: 'good' }
}

export function paintOf(standing: Standing, style: Style): (text: string) => string {
  switch (standing.tone) {
    case 'good':
      return style.green
    case 'bad':
      return style.red
    case 'busy':
      return style.cyan
    case 'yours':
      return style.yellow
    case 'calm':
      return style.dim
  }
}

export function lastAttempt(task: TaskView): AttemptView | null {
  return task.attempts.at(-1) ?? null
}

/** `checks_failed` → `checks failed`. */
export function inWords(code: string): string {
  return code.replaceAll('_', ' ')
}

/** Why it stands there: one sentence, or nothing to add. */
export function becauseOf(task: TaskView, now: number): string | null {
  if (task.openRequests > 0) return `asks you something: capstan task requests ${task.id}`
  if (task.why !== null) return oneLine(task.why)
  const detail = oneLine(task.detail)
  const reason = task.reason === null ? '' : inWords(task.reason)
  const words = [reason, detail].filter((each) => each !== '' && each !== reason.concat(' ')).join(': ')
  const later = task.notBefore !== null && task.notBefore > now ? `next look ${relative(task.notBefore, now)}` : ''
  const all = [words, later].filter((each) => each !== '').join('; ')
  return all === '' ? null : all
}

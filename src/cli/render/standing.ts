// Where a task stands, in the words people see. Derived from facts, never stored.

import type { BoardGroup } from '../../core/board.ts'
import { groupOf } from '../../core/board.ts'
import type { AttemptView, TaskView } from '../../protocol/task.ts'
import { relative } from './figures.ts'
import type { Style } from './style.ts'
import { oneLine } from './visible.ts'

export interface Standing {
  readonly word: string
  readonly tone: 'good' | 'bad' | 'busy' | 'calm' | 'yours'
}

/** One or two words for a column: the board's groups, told apart further where one word says more. */
export function standingOf(task: TaskView): Standing {
  const { state, verdict, openRequests } = task
  const stalled = lastAttempt(task)?.stalledSince != null
  const group = groupOf({ state, verdict, openRequests, stalled })
  return { word: wordFor(task, group), tone: state === 'cancelled' ? 'calm' : tones[group] }
}

const tones: Readonly<Record<BoardGroup, Standing['tone']>> = {
  needs_you: 'yours',
  working: 'busy',
  queued: 'calm',
  parked: 'yours',
  in_review: 'yours',
  done: 'good',
  failed: 'bad',
}

function wordFor(task: TaskView, group: BoardGroup): string {
  if (group === 'needs_you' || group === 'in_review') return inWords(group)
  if (task.verdict === 'rejected') return 'rejected'
  if (task.state === 'cancelled' && lastAttempt(task)?.ownership === 'stopping') return 'stopping'
  return task.state === 'waiting' && task.held === true ? 'held' : task.state
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

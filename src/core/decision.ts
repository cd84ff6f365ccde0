// What a decision is, and the few words it is spelled with.

import type { OpenAttempt } from './attempt.ts'
import { endStateOf } from './attempt.ts'
import type { Refusal } from './command.ts'
import type { LogEntry } from './log-entry.ts'
import type { AttemptReason } from './reason.ts'
import type { Task } from './task.ts'

export type Decision =
  | { readonly ok: true; readonly entries: readonly LogEntry[] }
  | { readonly ok: false; readonly refusal: Refusal }

/** It is so already: nothing happens, and that is fine. */
export const nothing: Decision = { ok: true, entries: [] }

export function ended(
  attempt: OpenAttempt,
  reason: AttemptReason,
  detail: string,
  { now, by }: { now: number; by: 'owner' | 'server' },
): LogEntry {
  return { type: 'attempt_ended', attemptId: attempt.id, state: endStateOf(reason), reason, detail, by, at: now }
}

export function entries(...list: LogEntry[]): Decision {
  return { ok: true, entries: list }
}

export function not(task: Task, wanted: string): Decision {
  return refuse('invalid_state', `${task.id} is ${task.status.state}, not ${wanted}`)
}

export function refuse(code: Refusal['code'], detail: string): Decision {
  return { ok: false, refusal: { code, detail } }
}

// The tool task_wait: follows a task to its end, or for a while, and tells what happened since a cursor.

import type { CallToolResult } from '@modelcontextprotocol/server'
import type { Clock } from '../core/clock.ts'
import { Problem } from '../core/problem.ts'
import { terminalStates } from '../core/task.ts'
import type { TranscriptEvent } from '../protocol/events.ts'
import type { TaskView } from '../protocol/task.ts'
import { jsonAnswer } from './answer.ts'
import type { Reach } from './reach.ts'
import { ask } from './reach.ts'
import type { ToolSpec } from './tools.ts'
import { refuseUnknown } from './tools.ts'

/** Many clients give a call 60 s; an answer that says "still running" must come before that. */
const defaultTimeoutMs = 45_000
const longestTimeoutMs = 600_000
const firstLookMs = 200
const longestLookMs = 2_000
/** Events in one answer; the cursor leads to the rest. */
const mostEvents = 100
/** Of one event, characters: the transcript has it whole. */
const mostText = 2_000

export const waitSpec: ToolSpec = {
  name: 'task_wait',
  title: 'Wait for a task',
  description:
    'Waits until a task has ended or timeoutMs is over, and gives its state and its events since the cursor. While it is not over, ' +
    'call again with the cursor of the answer.',
  inputSchema: {
    type: 'object',
    properties: {
      id: { type: 'string', description: 'The task id' },
      timeoutMs: {
        type: 'integer',
        minimum: 0,
        maximum: longestTimeoutMs,
        description: `Milliseconds; default ${defaultTimeoutMs}`,
      },
      cursor: { type: 'string', description: '`attempt.seq` of the last event read; default: from the start' },
    },
    required: ['id'],
    additionalProperties: false,
  },
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
}

export interface Waiting {
  readonly reach: Reach
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Tells the client what happens; a failure to tell does not matter. */
  progress(message: string): void
}

interface WaitArguments {
  readonly id: string
  readonly timeoutMs: number
  readonly cursor: string | null
}

/** Answers `{over, state, reason, detail, cursor, events, task}`. Throws Problem; an abort of the signal ends it. */
export async function waitForTask(waiting: Waiting, given: Readonly<Record<string, unknown>>): Promise<CallToolResult> {
  const { id, timeoutMs, cursor: from } = checked(given)
  const { reach, clock, signal } = waiting
  const endsAt = clock.monotonic() + timeoutMs
  const events: object[] = []
  let cursor = from
  for (let waitMs = firstLookMs; ; waitMs = Math.min(longestLookMs, waitMs * 1.5)) {
    const task = await ask(reach, 'getTask', { params: { id } }, signal) // before its events: over means that they are all
    const seen = await eventsSince(waiting, id, { cursor, room: mostEvents - events.length })
    cursor = seen.cursor
    events.push(...seen.events.map(shortened))
    for (const event of seen.events) waiting.progress(summaryOf(event))
    const over = isOver(task)
    const left = endsAt - clock.monotonic()
    if ((over && !seen.more) || left <= 0 || events.length >= mostEvents)
      return answer(task, { over: over && !seen.more, more: seen.more, cursor, events })
    if (seen.events.length > 0) waitMs = firstLookMs
    await clock.sleep(Math.min(waitMs, left), signal)
  }
}

function checked(given: Readonly<Record<string, unknown>>): WaitArguments {
  refuseUnknown(waitSpec, given)
  const { id, timeoutMs = defaultTimeoutMs, cursor = null } = given
  if (typeof id !== 'string' || id === '') throw wrong('id', id, 'a task id')
  if (typeof timeoutMs !== 'number' || !Number.isInteger(timeoutMs) || timeoutMs < 0 || timeoutMs > longestTimeoutMs)
    throw wrong('timeoutMs', timeoutMs, `a whole number of milliseconds from 0 to ${longestTimeoutMs}`)
  if (cursor !== null && typeof cursor !== 'string') throw wrong('cursor', cursor, 'attempt.seq, such as 1.200')
  return { id, timeoutMs, cursor }
}

function wrong(name: string, value: unknown, expected: string): Problem {
  const said = value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 100)
  return new Problem('invalid_request', `task_wait: ${name} must be ${expected}, not ${said}`)
}

async function eventsSince(
  { reach, signal }: Waiting,
  id: string,
  { cursor, room }: { readonly cursor: string | null; readonly room: number },
): Promise<{ events: readonly TranscriptEvent[]; cursor: string | null; more: boolean }> {
  const query = { limit: room, ...(cursor === null ? {} : { cursor }) }
  const { items, nextCursor } = await ask(reach, 'listEvents', { params: { id }, query }, signal)
  const last = items.at(-1)
  return {
    events: items,
    cursor: last === undefined ? cursor : `${last.attempt}.${last.seq}`,
    more: nextCursor !== null,
  }
}

function isOver(task: TaskView): boolean {
  const ended = (terminalStates as readonly string[]).includes(task.state) // widened to look a state up in it
  return ended && task.attempts.every((attempt) => attempt.endedAt !== null)
}

function answer(
  task: TaskView,
  seen: {
    readonly over: boolean
    readonly more: boolean
    readonly cursor: string | null
    readonly events: readonly object[]
  },
): CallToolResult {
  const { state, reason, detail, why } = task
  return jsonAnswer({ ...seen, state, reason, detail, why, task })
}

/** Long texts are cut: this is for following along; list_events has them whole. */
function shortened(event: TranscriptEvent): object {
  return Object.fromEntries(Object.entries(event).map(([key, value]) => [key, cut(value)]))
}

function cut(value: unknown): unknown {
  if (typeof value === 'string') return value.length <= mostText ? value : `${value.slice(0, mostText)}…`
  if (typeof value !== 'object' || value === null) return value
  const text = JSON.stringify(value)
  return text.length <= mostText ? value : `${text.slice(0, mostText)}…`
}

function summaryOf(event: TranscriptEvent): string {
  switch (event.type) {
    case 'text':
    case 'thinking':
      return line(event.text)
    case 'tool_start':
      return line(`${event.name}: ${event.title}`)
    case 'tool_end':
      return event.ok ? 'done' : 'failed'
    case 'request':
      return line(`asks: ${event.title}`)
    case 'notice':
    case 'error':
    case 'retry':
      return line(event.message)
    case 'raw':
      return line(event.line)
    case 'plan':
    case 'usage':
    case 'turn_end':
      return event.type
  }
}

function line(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 200)
}

// Pi's stream, line by line. Words come in deltas, messages whole at their end; only agent_settled says that nothing more will come.

import type { EventBody } from '../../protocol/events.ts'
import { apiError } from './api-error.ts'
import { boundedInput, cut, keepTail, oneLine } from './cut.ts'
import { addDelta } from './deltas.ts'
import type { Json } from './json.ts'
import { countOf, numberOf, objectOf, objectsOf, parseObject, sessionOf, textOf } from './json.ts'
import type { PiState } from './pi-state.ts'
import type { Line, Reduced } from './port.ts'
import { toolTitle } from './tool-title.ts'
import { addUsage, isNoUsage } from './usage.ts'

type Step = Reduced<PiState>

export function reducePi(state: PiState, line: Line): Step {
  if (line.text.trim() === '') return { state, events: [] }
  if (line.stream === 'stderr') {
    return { state: { ...state, stderr: keepTail(state.stderr, line.text) }, events: [raw(line)] }
  }
  const message = parseObject(line.text)
  const step = message === null ? null : known(state, message)
  return step ?? { state, events: [raw(line)] }
}

function known(state: PiState, line: Json): Step | null {
  switch (line.type) {
    case 'session':
      return sessionLine(state, line)
    case 'agent_start':
    case 'turn_start':
      return quiet({ ...state, isSettled: false })
    case 'message_update':
      return updateLine(state, objectOf(line.assistantMessageEvent))
    case 'message_end':
      return messageEnd(state, objectOf(line.message))
    case 'tool_execution_start':
      return toolStart(state, line)
    case 'tool_execution_end':
      return quiet(state, [toolEnd(line)])
    case 'auto_retry_start':
    case 'summarization_retry_scheduled':
      return retryLine(state, line)
    case 'compaction_end':
      return quiet(state, compaction(line))
    case 'agent_settled':
      return settled(state)
    default:
      return repeated.has(textOf(line.type) ?? '') ? quiet(state) : null
  }
}

/** Lines that only repeat what others tell, or tell of Pi's own bookkeeping. */
const repeated = new Set([
  'agent_end',
  'auto_retry_end',
  'compaction_start',
  'entry_appended',
  'message_start',
  'queue_update',
  'session_info_changed',
  'summarization_retry_attempt_start',
  'summarization_retry_finished',
  'thinking_level_changed',
  'tool_execution_update',
  'turn_end',
])

function quiet(state: PiState, events: readonly EventBody[] = []): Step {
  return { state, events }
}

function sessionLine(state: PiState, line: Json): Step {
  const session = sessionOf(line.id) ?? state.session
  return quiet({ ...state, session, cwd: textOf(line.cwd)?.slice(0, 4_096) ?? state.cwd })
}

function updateLine(state: PiState, update: Json | null): Step | null {
  switch (update?.type) {
    case 'text_delta':
      return said(state, 'text', textOf(update.delta) ?? '')
    case 'thinking_delta':
      return said(state, 'thinking', textOf(update.delta) ?? '')
    case 'text_start':
    case 'text_end':
    case 'thinking_start':
    case 'thinking_end':
      return flushed(state)
    case 'toolcall_start':
    case 'toolcall_delta':
    case 'toolcall_end':
    case 'start':
    case 'done':
    case 'error':
      return quiet(state) // the message's end and the tool's start tell it whole
    default:
      return null
  }
}

function said(state: PiState, kind: 'text' | 'thinking', piece: string): Step {
  const before = state.pending.kind === kind ? quiet(state) : flushed(state)
  const told = addDelta(before.state.pending.kind === kind ? before.state.pending.text : '', piece)
  const events = told.text === null ? before.events : [...before.events, { type: kind, text: cut(told.text) }]
  return { state: { ...before.state, pending: { kind, text: told.pending } }, events }
}

/** Tells what waits for the end of its paragraph. */
function flushed(state: PiState): Step {
  const { kind, text } = state.pending
  const next = { ...state, pending: { kind, text: '' } }
  return quiet(next, text.trim() === '' ? [] : [{ type: kind, text: cut(text) }])
}

function messageEnd(state: PiState, message: Json | null): Step | null {
  if (message === null) return null
  if (message.role !== 'assistant') return quiet(state) // the prompt, the instructions, and what tools answered: told elsewhere
  const { state: told, events } = flushed(state)
  const stop = oneLine(textOf(message.stopReason) ?? 'unknown', 40)
  const words = objectsOf(message.content)
    .map((block) => (block.type === 'text' ? (textOf(block.text) ?? '') : ''))
    .join('\n')
  const counted = countedIn(told, objectOf(message.usage))
  const next: PiState = {
    ...counted,
    stop,
    model: textOf(message.model)?.slice(0, 200) ?? state.model,
    lastText: words.trim() === '' ? state.lastText : cut(words, 8_192),
    trouble: stop === 'error' ? apiError(textOf(message.errorMessage) ?? 'the model failed') : null,
  }
  return { state: next, events: [...events, ...usageEvents(next, counted !== told)] }
}

/** Pi adds the cost up from its own list of prices; a model that is not in it costs 0 there. */
function countedIn(state: PiState, told: Json | null): PiState {
  if (told === null) return state
  const usage = {
    inputTokens: countOf(told.input),
    outputTokens: countOf(told.output),
    cacheReadTokens: countOf(told.cacheRead),
    cacheWriteTokens: countOf(told.cacheWrite),
  }
  if (isNoUsage(usage)) return state
  const cost = Math.max(0, numberOf(objectOf(told.cost)?.total) ?? 0)
  return { ...state, usage: addUsage(state.usage, usage), costUsd: Math.min(state.costUsd + cost, 1e9) }
}

function usageEvents(state: PiState, isNew: boolean): readonly EventBody[] {
  if (!isNew) return []
  return [{ type: 'usage', usage: state.usage, costUsd: state.costUsd > 0 ? state.costUsd : null }]
}

function toolStart(state: PiState, line: Json): Step {
  const name = oneLine(textOf(line.toolName) ?? 'tool')
  const input = objectOf(line.args) ?? {}
  const title = toolTitle(name, input, state.cwd)
  return quiet(state, [{ type: 'tool_start', id: idOf(line), name, input: boundedInput(input), title }])
}

function toolEnd(line: Json): EventBody {
  const output = objectsOf(objectOf(line.result)?.content)
    .map((block) => textOf(block.text) ?? `[${oneLine(textOf(block.type) ?? 'something')}]`)
    .join('\n')
  const ok = line.isError !== true
  const code = ok ? null : /Command exited with code (\d{1,3})\s*$/.exec(output)
  const exit = code ? { exitCode: Number(code[1]) } : {}
  return { type: 'tool_end', id: idOf(line), ok, output: cut(output), ...exit }
}

function idOf(line: Json): string {
  return (textOf(line.toolCallId) ?? '').slice(0, 200)
}

function retryLine(state: PiState, line: Json): Step {
  const error = apiError(textOf(line.errorMessage) ?? 'the model did not answer')
  const limit = countOf(line.maxAttempts)
  const tries = { tries: countOf(line.attempt), ...(limit === 0 ? {} : { limit }) }
  const delayMs = numberOf(line.delayMs)
  return quiet({ ...state, trouble: error }, [
    { type: 'retry', ...tries, delayMs, class: error.class, message: error.message },
  ])
}

function compaction(line: Json): readonly EventBody[] {
  if (line.result !== undefined) {
    return [{ type: 'notice', message: 'The conversation was compacted to fit the context window.' }]
  }
  const words = oneLine(textOf(line.errorMessage) ?? 'it was stopped', 300)
  return [{ type: 'notice', level: 'warning', message: `The conversation could not be compacted: ${words}` }]
}

function settled(state: PiState): Step {
  const told = flushed(state)
  const { trouble } = state
  const failed: readonly EventBody[] =
    state.stop === 'error' && trouble !== null
      ? [{ type: 'error', class: trouble.class, message: trouble.message, fatal: true }]
      : []
  const end: EventBody = { type: 'turn_end', reason: state.stop ?? 'settled' }
  return { state: { ...told.state, isSettled: true }, events: [...told.events, ...failed, end] }
}

function raw(line: Line): EventBody {
  return { type: 'raw', stream: line.stream, line: cut(line.text) }
}

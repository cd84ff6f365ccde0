// Gemini CLI's stream, line by line: init, message, tool_use, tool_result, error, result. Its retries are told on standard error alone.

import type { EventBody } from '../../protocol/events.ts'
import { apiError } from './api-error.ts'
import { boundedInput, cut, keepTail, oneLine } from './cut.ts'
import { addDelta } from './deltas.ts'
import { failureOf } from './failure.ts'
import type { GeminiState } from './gemini-cli-state.ts'
import { resultLine } from './gemini-cli-verdict.ts'
import type { Json } from './json.ts'
import { numberOf, objectOf, parseObject, sessionOf, textOf } from './json.ts'
import type { Brief, Line, Reduced } from './port.ts'
import { todoPlan } from './todo-list.ts'
import { toolTitle } from './tool-title.ts'

type Step = Reduced<GeminiState>

const maxHidden = 32
const maxSaid = 8_192

export function reduceGemini(state: GeminiState, line: Line, brief: Brief): Step {
  if (line.text.trim() === '') return { state, events: [] }
  if (line.stream === 'stderr') return stderrLine(state, line)
  const message = parseObject(line.text)
  const step = message === null ? null : known(state, message, brief)
  return step ?? { state, events: [raw(line)] }
}

function known(state: GeminiState, line: Json, brief: Brief): Step | null {
  switch (line.type) {
    case 'init':
      return initLine(state, line)
    case 'message':
      return messageLine(state, line)
    case 'tool_use':
      return toolUse(state, line, brief)
    case 'tool_result':
      return toolResult(state, line)
    case 'error':
      return errorLine(state, line)
    case 'result':
      return withFlush(state, (flushed) => resultLine(flushed, line, brief))
    default:
      return null
  }
}

function initLine(state: GeminiState, line: Json): Step {
  const session = sessionOf(line.session_id) ?? state.session
  return { state: { ...state, session, model: textOf(line.model)?.slice(0, 200) ?? state.model }, events: [] }
}

function messageLine(state: GeminiState, line: Json): Step | null {
  if (line.role === 'user') return { state, events: [] } // our own prompt
  const piece = textOf(line.content)
  if (line.role !== 'assistant' || piece === null) return null
  const told = addDelta(state.pending, piece)
  const said = (state.said + piece).slice(0, maxSaid)
  const next = {
    ...state,
    said,
    lastText: said.trim() === '' ? state.lastText : said,
    trouble: null,
    pending: told.pending,
  }
  const whole: Step = { state: next, events: told.text === null ? [] : [{ type: 'text', text: cut(told.text) }] }
  return line.delta === true ? whole : withFlush(next, (flushed) => ({ state: flushed, events: [] }), whole.events)
}

/** Tells what waits for the end of its paragraph, then what `step` tells. */
function withFlush(state: GeminiState, step: (state: GeminiState) => Step, before: readonly EventBody[] = []): Step {
  const waiting: readonly EventBody[] = state.pending.trim() === '' ? [] : [{ type: 'text', text: cut(state.pending) }]
  const after = step({ ...state, pending: '' })
  return { state: after.state, events: [...before, ...waiting, ...after.events] }
}

function toolUse(state: GeminiState, line: Json, brief: Brief): Step {
  const id = idOf(line)
  const name = oneLine(textOf(line.tool_name) ?? 'tool')
  const input = objectOf(line.parameters) ?? {}
  return withFlush({ ...state, said: '', trouble: null }, (flushed) => {
    if (name === 'write_todos') {
      const hidden = [...flushed.hidden, id].slice(-maxHidden)
      return { state: { ...flushed, hidden }, events: [todoPlan(input.todos)] }
    }
    const title = toolTitle(name, input, brief.cwd)
    return { state: flushed, events: [{ type: 'tool_start', id, name, input: boundedInput(input), title }] }
  })
}

function toolResult(state: GeminiState, line: Json): Step {
  const id = idOf(line)
  const ok = line.status !== 'error'
  if (ok && state.hidden.includes(id)) {
    return { state: { ...state, hidden: state.hidden.filter((other) => other !== id) }, events: [] }
  }
  const words = textOf(line.output) ?? ''
  const output = words === '' ? (textOf(objectOf(line.error)?.message) ?? '') : words
  const code = /^Exit Code: (\d{1,3})\s*$/m.exec(output)
  const exit = code ? { exitCode: Number(code[1]) } : {}
  return { state, events: [{ type: 'tool_end', id, ok, output: cut(output), ...exit }] }
}

function idOf(line: Json): string {
  return (textOf(line.tool_id) ?? '').slice(0, 200)
}

/** After both of these the CLI ends the work and its result says `success` (seen in its source, 0.61.0). */
const stops = [
  { pattern: /maximum session turns exceeded/i, reason: 'max_turns_exceeded' as const },
  { pattern: /^loop detected/i, reason: 'agent_failed' as const },
]

function errorLine(state: GeminiState, line: Json): Step {
  const error = apiError(textOf(line.message) ?? 'error')
  const stop = stops.find((each) => each.pattern.test(error.message))
  const stopped = stop === undefined ? state.stopped : { ...failureOf(null, error.message), reason: stop.reason }
  if (line.severity === 'warning') {
    return { state: { ...state, stopped }, events: [{ type: 'notice', level: 'warning', message: error.message }] }
  }
  return { state: { ...state, stopped, trouble: error }, events: [{ type: 'error', ...error }] }
}

const attempt = /^Attempt (\d{1,6}) failed(?: with status (\d{3})| with (\d)(\d\d|xx) error)?(.*)$/

/** `Attempt 2 failed with status 429. Retrying with backoff... _ApiError: {…}`, or `Attempt 2 failed: WORDS. Retrying after 5000ms...`. */
function stderrLine(state: GeminiState, line: Line): Step {
  const kept = { ...state, stderr: keepTail(state.stderr, line.text) }
  const [, tries, status, family, rest, words = ''] = attempt.exec(line.text.slice(0, 8_192)) ?? []
  if (tries === undefined || !/Retrying/.test(words)) return { state: kept, events: [raw(line)] }
  const code = status ?? (family === undefined ? null : `${family}${rest === 'xx' ? '00' : rest}`)
  const [, json] = /(\{.*\})\s*$/.exec(words) ?? []
  const [, told] = /^: (.*?)\.? Retrying after/.exec(words) ?? []
  const error = apiError(json ?? told ?? 'the model refused the request', code === null ? null : Number(code))
  const [, wait] = /Retrying after (\d{1,9})ms/.exec(words) ?? []
  const delayMs = wait === undefined ? null : numberOf(Number(wait))
  return {
    state: { ...kept, trouble: error },
    events: [{ type: 'retry', tries: Number(tries), delayMs, class: error.class, message: error.message }],
  }
}

function raw(line: Line): EventBody {
  return { type: 'raw', stream: line.stream, line: cut(line.text) }
}

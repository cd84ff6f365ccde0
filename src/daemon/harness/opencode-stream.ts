// OpenCode's stream, line by line, and the verdict. A tool is told when it has ended; while it retries, its log on standard error alone tells.

import type { ErrorClass, EventBody, Usage } from '../../protocol/events.ts'
import { apiError } from './api-error.ts'
import { boundedInput, cut, keepTail, oneLine } from './cut.ts'
import { exitWords, failureOf, lastWordsFailure } from './failure.ts'
import type { Json } from './json.ts'
import { countOf, integerOf, numberOf, objectOf, parseObject, sessionOf, textOf } from './json.ts'
import type { Brief, ExitFacts, Failure, Line, Reduced, Verdict } from './port.ts'
import { resetTime } from './reset-time.ts'
import { todoPlan } from './todo-list.ts'
import { toolTitle } from './tool-title.ts'
import { addUsage, isNoUsage, noUsage } from './usage.ts'

export interface OpencodeState {
  readonly session: string | null
  readonly model: string | null
  readonly lastText: string | null
  /** Why the newest step ended: `stop`, `tool-calls`, `length`; null while one runs. */
  readonly stop: string | null
  /** An error that the stream told: the run is over. */
  readonly failed: boolean
  readonly trouble: { readonly class: ErrorClass | null; readonly message: string } | null
  /** Requests that failed since the model last answered. */
  readonly tries: number
  readonly usage: Usage
  readonly costUsd: number
  readonly stderr: string
}

type Step = Reduced<OpencodeState>

export function initialOpencodeState(): OpencodeState {
  const nothing = { session: null, model: null, lastText: null, stop: null, failed: false, trouble: null }
  return { ...nothing, tries: 0, usage: noUsage, costUsd: 0, stderr: '' }
}

export function reduceOpencode(state: OpencodeState, line: Line, brief: Brief): Step {
  if (line.text.trim() === '') return { state, events: [] }
  if (line.stream === 'stderr') return stderrLine(state, line)
  const message = parseObject(line.text)
  const step = message === null ? null : known(begun(state, message, brief), message, brief)
  return step ?? { state, events: [raw(line)] }
}

function begun(state: OpencodeState, message: Json, brief: Brief): OpencodeState {
  return { ...state, session: sessionOf(message.sessionID) ?? state.session, model: state.model ?? brief.model }
}

function known(state: OpencodeState, message: Json, brief: Brief): Step | null {
  const part = objectOf(message.part)
  switch (message.type) {
    case 'step_start':
      return { state: { ...state, stop: null }, events: [] } // an answer may still fail: the next try begins with another one
    case 'text':
      return part === null ? null : textPart(state, textOf(part.text) ?? '')
    case 'reasoning': {
      const text = textOf(part?.text) ?? ''
      return { state, events: text.trim() === '' ? [] : [{ type: 'thinking', text: cut(text) }] }
    }
    case 'tool_use':
      return part === null ? null : { state, events: toolEvents(part, brief.cwd) }
    case 'step_finish':
      return part === null ? null : stepFinish(state, part)
    case 'error':
      return errorLine(state, objectOf(message.error))
    default:
      return null
  }
}

function textPart(state: OpencodeState, text: string): Step {
  if (text.trim() === '') return { state, events: [] }
  return { state: { ...state, lastText: cut(text, 8_192) }, events: [{ type: 'text', text: cut(text) }] }
}

function toolEvents(part: Json, cwd: string): readonly EventBody[] {
  const call = objectOf(part.state) ?? {}
  const id = (textOf(part.callID) ?? '').slice(0, 200)
  const name = oneLine(textOf(part.tool) ?? 'tool')
  const input = objectOf(call.input) ?? {}
  const ok = call.status !== 'error'
  if (name === 'todowrite' && ok) return [todoPlan(input.todos)]
  const exitCode = integerOf(objectOf(call.metadata)?.exit)
  const output = (ok ? textOf(call.output) : textOf(call.error)) ?? ''
  const exit = exitCode === null ? {} : { exitCode }
  return [
    { type: 'tool_start', id, name, input: boundedInput(input), title: toolTitle(name, input, cwd) },
    { type: 'tool_end', id, ok: ok && (exitCode ?? 0) === 0, output: cut(output), ...exit },
  ]
}

/** `tokens.input` leaves out what came from the cache. The cost comes from OpenCode's own list of prices: 0 where it knows none. */
function stepFinish(state: OpencodeState, part: Json): Step {
  const told = objectOf(part.tokens) ?? {}
  const cache = objectOf(told.cache) ?? {}
  const step = {
    inputTokens: countOf(told.input),
    outputTokens: countOf(told.output) + countOf(told.reasoning),
    cacheReadTokens: countOf(cache.read),
    cacheWriteTokens: countOf(cache.write),
  }
  const usage = addUsage(state.usage, step)
  const costUsd = Math.min(state.costUsd + Math.max(0, numberOf(part.cost) ?? 0), 1e9)
  const stop = oneLine(textOf(part.reason) ?? 'unknown', 40)
  const next = { ...state, usage, costUsd, stop, trouble: null, tries: 0 }
  const events: EventBody[] = []
  if (!isNoUsage(step)) events.push({ type: 'usage', usage, costUsd: costUsd > 0 ? costUsd : null })
  if (stop !== 'tool-calls') events.push({ type: 'turn_end', reason: stop })
  return { state: next, events }
}

/** `{"name":"APIError","data":{"message":…,"statusCode":429,"responseBody":…}}`; the body names the error best. */
function errorLine(state: OpencodeState, error: Json | null): Step | null {
  if (error === null) return null
  const data = objectOf(error.data) ?? {}
  const words = textOf(data.message) ?? textOf(error.name) ?? 'an error'
  const told = apiError(words, numberOf(data.statusCode))
  const body = apiError(textOf(data.responseBody) ?? '', numberOf(data.statusCode)).class
  const kind = error.name === 'ProviderAuthError' ? 'auth' : body === 'quota' ? body : (told.class ?? body)
  const trouble = { class: kind, message: told.message }
  return { state: { ...state, failed: true, trouble }, events: [{ type: 'error', ...trouble, fatal: true }] }
}

const logged = /message="stream error".* small=false .*error\.error="(?:AI_\w+: )?(.*)"\s*$/
const rejected = /permission requested: (.*); auto-rejecting/

function stderrLine(state: OpencodeState, line: Line): Step {
  const text = line.text.slice(0, 8_192)
  const kept = { ...state, stderr: keepTail(state.stderr, withoutColour(text)) }
  const [, told] = logged.exec(text) ?? []
  // Two streams are read: the log may come after the error that it led to.
  if (told !== undefined && !state.failed) return retry(kept, told)
  const [, what] = rejected.exec(text) ?? []
  if (what === undefined) return { state: kept, events: [raw(line)] }
  return { state: kept, events: [{ type: 'notice', level: 'warning', message: `Not permitted: ${oneLine(what)}` }] }
}

function retry(state: OpencodeState, told: string): Step {
  const error = apiError(told.replaceAll('\\"', '"'))
  const tries = state.tries + 1
  // The log has no status, and what it tries again is a limit (which says so), a failing server or the network.
  const trouble = { ...error, class: error.class ?? (tries > 1 ? ('overloaded' as const) : null) }
  return {
    state: { ...state, tries, trouble },
    events: [{ type: 'retry', tries, delayMs: null, ...trouble }],
  }
}

const esc = String.fromCharCode(27)

function withoutColour(text: string): string {
  return text
    .split(esc)
    .map((part, index) => (index === 0 ? part : part.replace(/^\[[\d;]*m/, '')))
    .join('')
}

function raw(line: Line): EventBody {
  return { type: 'raw', stream: line.stream, line: cut(line.text) }
}

/** Pure. Success needs a step that ended by `stop` as the last word, no error, and exit code 0. */
export function finishOpencode(state: OpencodeState, exit: ExitFacts): Verdict {
  const summary = {
    usage: isNoUsage(state.usage) ? null : state.usage,
    costUsd: state.costUsd > 0 ? state.costUsd : null,
    model: state.model,
    sessionRef: state.session,
    lastText: state.lastText,
  }
  return { ...summary, ...conclusion(state, exit) }
}

function conclusion(state: OpencodeState, exit: ExitFacts): { readonly ok: true } | Failure {
  const { trouble, stop, stderr } = state
  if (state.failed && trouble !== null) {
    return failureOf(trouble.class, trouble.message, resetTime(trouble.message, exit.at ?? null))
  }
  if (stop === 'stop' && exit.code === 0) return { ok: true }
  if (/session not found/i.test(stderr)) return { ...failureOf(null, 'Session not found'), reason: 'not_resumable' }
  if (trouble !== null) {
    const detail = `OpenCode ended with ${exitWords(exit)} while it had trouble: ${trouble.message}`
    return failureOf(trouble.class, detail, resetTime(trouble.message, exit.at ?? null))
  }
  if (exit.code !== 0 || stop === null) return lastWordsFailure('OpenCode', exit, stderr)
  // After a denied tool it stops there and exits with 0 (measured).
  return failureOf(stop === 'content-filter' ? 'refused' : null, `OpenCode did not finish: ${stopWords(stop)}`)
}

function stopWords(stop: string): string {
  if (stop === 'tool-calls') return 'it stopped at a tool that was not permitted, or that failed'
  return stop === 'length' ? 'the answer was cut at the limit of output tokens' : `the model ended with ${stop}`
}

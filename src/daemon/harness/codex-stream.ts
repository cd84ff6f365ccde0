// Codex's stream, line by line, and the verdict. Only turn.completed and turn.failed end a turn; `error` may be a reconnect.

import { estimateCost } from '../../core/price.ts'
import type { ErrorClass, EventBody, Usage } from '../../protocol/events.ts'
import { itemEvents } from './codex-items.ts'
import { cut, keepTail, oneLine } from './cut.ts'
import { classify, crashOf, exitWords, failureOf } from './failure.ts'
import type { Json } from './json.ts'
import { countOf, objectOf, parseObject, sessionOf, textOf } from './json.ts'
import type { Brief, ExitFacts, Failure, Line, Reduced, Verdict } from './port.ts'
import { resetTime } from './reset-time.ts'

export interface CodexState {
  readonly session: string | null
  readonly lastText: string | null
  readonly terminal: 'completed' | 'failed' | null
  /** The newest error, or the reconnect under way; an item that follows clears it. */
  readonly trouble: { readonly class: ErrorClass | null; readonly message: string } | null
  /** Items whose start was shown and whose end was not. At most 64. */
  readonly started: readonly string[]
  readonly usage: Usage | null
  /** By list price, when the task named a model: the stream names none. */
  readonly costUsd: number | null
  readonly stderr: string
}

type Step = Reduced<CodexState>

export function initialCodexState(): CodexState {
  return {
    session: null,
    lastText: null,
    terminal: null,
    trouble: null,
    started: [],
    usage: null,
    costUsd: null,
    stderr: '',
  }
}

/** What a turn's cost is estimated by. */
type Priced = Pick<Brief, 'model' | 'prices'>

export function reduceCodex(state: CodexState, line: Line, brief: Priced): Step {
  if (line.text.trim() === '') return { state, events: [] }
  if (line.stream === 'stderr') return stderrLine(state, line)
  const message = parseObject(line.text)
  const step = message === null ? null : known(state, message, brief)
  return step ?? { state, events: [raw(line)] }
}

function stderrLine(state: CodexState, line: Line): Step {
  const next = { ...state, stderr: keepTail(state.stderr, line.text) }
  return { state: next, events: [...helperWarning(line.text), raw(line)] }
}

/** What Codex says on standard error when none of its sandboxed commands will work. */
export function helperWarning(text: string): readonly EventBody[] {
  if (!text.includes('Refusing to create helper binaries')) return []
  const message = 'CODEX_HOME lies in the temporary folder, so sandboxed commands of Codex may fail: move one of them.'
  return [{ type: 'notice', level: 'warning', message }]
}

function known(state: CodexState, message: Json, brief: Priced): Step | null {
  switch (message.type) {
    case 'thread.started':
      return { state: { ...state, session: sessionOf(message.thread_id) ?? state.session }, events: [] }
    case 'turn.started':
      return { state: { ...state, terminal: null }, events: [] }
    case 'item.started':
    case 'item.updated':
    case 'item.completed':
      return itemLine(state, message)
    case 'error':
      return errorLine(state, oneLine(textOf(message.message) ?? 'error', 500))
    case 'turn.completed':
      return turnCompleted(state, message, brief)
    case 'turn.failed':
      return turnFailed(state, message)
    default:
      return null
  }
}

function itemLine(state: CodexState, message: Json): Step | null {
  const item = objectOf(message.item)
  if (item === null) return null
  const id = (textOf(item.id) ?? '').slice(0, 200)
  const isNew = !state.started.includes(id)
  const made = itemEvents(item, { id, phase: String(message.type).slice(5), isNew })
  if (made === null) return null
  const others = state.started.filter((other) => other !== id)
  const started = made.isOpen ? [...others, id].slice(-64) : others
  const next = { ...state, started, lastText: made.said ?? state.lastText }
  return { state: item.type === 'error' ? next : { ...next, trouble: null }, events: made.events }
}

const reconnect = /^Reconnecting\.\.\. (\d{1,6})\/\d+/

function errorLine(state: CodexState, words: string): Step {
  const kind = classify(words)
  const next = { ...state, trouble: { class: kind, message: words } }
  const again = reconnect.exec(words)
  if (again === null) return { state: next, events: [{ type: 'error', class: kind, message: words }] }
  return {
    state: next,
    events: [{ type: 'retry', tries: Number(again[1]), delayMs: null, class: kind, message: words }],
  }
}

/** `input_tokens` includes `cached_input_tokens`. The totals are the thread's: a resumed one counts its earlier runs too (measured). */
function turnCompleted(state: CodexState, message: Json, { model, prices }: Priced): Step {
  const told = objectOf(message.usage)
  const usage = told === null ? state.usage : usageOf(told)
  const costUsd = usage === null || model === null ? null : estimateCost(model, usage, prices)
  const estimate = costUsd === null ? {} : { estimate: true }
  const costs: readonly EventBody[] = usage === null ? [] : [{ type: 'usage', usage, costUsd, ...estimate }]
  return {
    state: { ...state, terminal: 'completed', usage, costUsd },
    events: [...costs, { type: 'turn_end', reason: 'completed' }],
  }
}

function usageOf(told: Json): Usage {
  const cached = countOf(told.cached_input_tokens)
  const written = countOf(told.cache_write_input_tokens)
  return {
    inputTokens: Math.max(0, countOf(told.input_tokens) - cached - written),
    outputTokens: countOf(told.output_tokens),
    cacheReadTokens: cached,
    cacheWriteTokens: written,
  }
}

function turnFailed(state: CodexState, message: Json): Step {
  const told = textOf(objectOf(message.error)?.message)
  const words = oneLine(told ?? state.trouble?.message ?? 'the turn failed', 500)
  const kind = classify(words)
  return {
    state: { ...state, terminal: 'failed', trouble: { class: kind, message: words } },
    events: [
      { type: 'error', class: kind, message: words, fatal: true },
      { type: 'turn_end', reason: 'failed' },
    ],
  }
}

function raw(line: Line): EventBody {
  return { type: 'raw', stream: line.stream, line: cut(line.text) }
}

/** Pure. Success needs `turn.completed` as the last word and exit code 0. */
export function finishCodex(state: CodexState, exit: ExitFacts): Verdict {
  const { usage, costUsd, session, lastText } = state
  const cost = { costUsd, costEstimated: costUsd !== null }
  const summary = { usage, ...cost, model: null, sessionRef: session, lastText }
  if (state.terminal === 'completed') {
    if (exit.code === 0) return { ...summary, ok: true }
    const detail = `Codex completed its turn and then ended with ${exitWords(exit)}`
    return { ...summary, ...failureOf('crashed', detail) }
  }
  return { ...summary, ...failure(state, exit) }
}

function failure(state: CodexState, exit: ExitFacts): Failure {
  const { trouble, stderr } = state
  if (/no rollout found|thread\/resume failed/i.test(stderr)) {
    const line = stderr.split('\n').findLast((text) => /no rollout found|thread\/resume failed/i.test(text))
    return { ...failureOf(null, line ?? stderr), reason: 'not_resumable' }
  }
  if (trouble === null) return crashOf('Codex', exit, stderr)
  const isCut = state.terminal === null
  const detail = isCut
    ? `Codex ended with ${exitWords(exit)} while it had trouble: ${trouble.message}`
    : trouble.message
  return failureOf(trouble.class, detail, resetTime(trouble.message, exit.at ?? null))
}

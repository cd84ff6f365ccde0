// How a turn of Codex's app-server fares and ends: errors, tokens, limits, its last word.

import { estimateCost } from '../../core/price.ts'
import type { EventBody } from '../../protocol/events.ts'
import type { CodexAppState, Limit } from './codex-app-state.ts'
import { difference, spentUsage, tokensOf } from './codex-app-state.ts'
import { oneLine } from './cut.ts'
import { classOfError } from './error-names.ts'
import { crashOf, failureOf } from './failure.ts'
import type { Json } from './json.ts'
import { numberOf, objectOf, objectsOf, textOf } from './json.ts'
import { request } from './json-rpc.ts'
import type { Brief, ExitFacts, Failure, Reduced, Verdict } from './port.ts'
import { resetTime } from './reset-time.ts'
import { isNoUsage } from './usage.ts'

type Step = Reduced<CodexAppState>

/** Asks something of Codex whose answer moves the conversation on. */
export function ask(state: CodexAppState, method: string, params: Json): Step {
  const id = state.newest + 1
  return { state: { ...state, awaits: id, newest: id }, events: [], send: [request('bare', id, method, params)] }
}

export function startTurn(state: CodexAppState, text: string): Step {
  const params = { threadId: state.thread, input: inputOf(text) }
  return ask({ ...state, phase: 'turn', turn: null, terminal: null, denied: null }, 'turn/start', params)
}

export function inputOf(text: string): readonly Json[] {
  return [{ type: 'text', text, text_elements: [] }]
}

/** The conversation cannot go on: said once, and Codex sees the end of its input. */
export function failed(state: CodexAppState, failure: Failure): Step {
  const error: EventBody = { type: 'error', class: failure.class, message: failure.detail, fatal: true }
  return over({ ...state, terminal: failure }, [error])
}

function over(state: CodexAppState, events: readonly EventBody[]): Step {
  const withdrawn = state.pending.map((each) => each.key)
  const queue = unreadByCodexApp(state)
  const next = { ...state, phase: 'over' as const, started: [], changes: [], pending: [], steers: [], queue }
  const taken = withdrawn.length === 0 ? {} : { withdrawn }
  return { state: next, events, ...taken, endInput: true, done: true }
}

/** Messages that no turn took. */
export function unreadByCodexApp({ steers, queue }: CodexAppState): readonly string[] {
  return [...steers.map(({ text }) => text), ...queue]
}

/** `turn/completed`. Null: another turn, or a sub-agent's. */
export function turnCompleted(state: CodexAppState, params: Json): Step | null {
  const turn = objectOf(params.turn)
  if (turn === null || state.phase !== 'turn' || params.threadId !== state.thread || state.terminal !== null)
    return null
  if (state.turn !== null && turn.id !== state.turn) return null
  const failure = failureIn(state, turn)
  const reason = oneLine(textOf(turn.status) ?? 'no status', 100)
  const error: readonly EventBody[] =
    failure === null ? [] : [{ type: 'error', class: failure.class, message: failure.detail, fatal: true }]
  const step = settle({ ...state, turn: null, terminal: failure ?? { ok: true } }, [
    ...error,
    { type: 'turn_end', reason },
  ])
  return step
}

/** A message that the ended turn did not take begins another; one whose fate is not known yet is waited for. */
export function settle(state: CodexAppState, events: readonly EventBody[]): Step {
  if (state.terminal === null) return { state, events }
  const [next, ...queue] = state.queue
  if (!state.terminal.ok) return over(state, events)
  if (next !== undefined) {
    const step = startTurn({ ...state, queue }, next)
    const open = events.filter((event) => event.type !== 'turn_end')
    return { ...step, events: [...open, ...step.events] }
  }
  return state.steers.length > 0
    ? { state, events: events.filter((event) => event.type !== 'turn_end') }
    : over(state, withEnd(events))
}

function withEnd(events: readonly EventBody[]): readonly EventBody[] {
  return events.some((event) => event.type === 'turn_end')
    ? events
    : [...events, { type: 'turn_end', reason: 'completed' }]
}

/** Null: it completed. */
function failureIn(state: CodexAppState, turn: Json): Failure | null {
  if (turn.status === 'completed') return null
  if (turn.status === 'interrupted') {
    const why =
      state.denied === null
        ? 'Codex was interrupted'
        : `Codex ended its turn because this was not permitted: ${state.denied}`
    return failureOf(null, why)
  }
  const error = objectOf(turn.error)
  if (error === null) {
    const words =
      state.trouble?.message ?? `Codex ended its turn with ${oneLine(textOf(turn.status) ?? 'no status', 40)}`
    return failureOf(state.trouble?.class ?? null, words)
  }
  const { kind, words } = errorOf(error)
  return failureOf(kind, words, resetOf(state) ?? resetTime(words, null))
}

function errorOf(error: Json) {
  const words = oneLine(textOf(error.message) ?? 'the turn failed', 500)
  return { words, kind: classOfError(error.codexErrorInfo, words) }
}

const reconnect = /^Reconnecting\.\.\. (\d{1,6})\/\d+/

/** `error`: only one that is not tried again matters, and the turn's end repeats it. */
export function errorNotice(state: CodexAppState, params: Json): Step | null {
  const error = objectOf(params.error)
  if (error === null) return null
  const { kind, words } = errorOf(error)
  const next = { ...state, trouble: { class: kind, message: words } }
  if (params.willRetry !== true) return { state: next, events: [{ type: 'error', class: kind, message: words }] }
  const tries = Number(reconnect.exec(words)?.[1] ?? 1)
  return { state: next, events: [{ type: 'retry', tries, delayMs: null, class: kind, message: words }] }
}

/** The totals are the thread's, so what a resumed one had before its first answer here is taken off. */
export function tokensNotice(state: CodexAppState, params: Json, brief: Brief): Step | null {
  const thread = textOf(params.threadId)?.slice(0, 200) ?? null
  const told = objectOf(params.tokenUsage)
  const total = objectOf(told?.total)
  if (thread === null || told === null || total === null) return null
  const now = tokensOf(total)
  const known = state.spent.find((each) => each.thread === thread)
  // A resumed thread repeats its last count first, under the turn of an earlier run.
  const isCounted = known !== undefined && !isNoUsage(difference(known.now, known.before))
  const isEarlier = thread === state.thread && params.turnId !== state.turn && !isCounted
  const before = isEarlier ? now : (known?.before ?? difference(now, tokensOf(objectOf(told.last) ?? {})))
  const others = state.spent.filter((each) => each.thread !== thread)
  const next = { ...state, spent: [...others, { thread, before, now }].slice(-32) }
  const usage = spentUsage(next)
  const isSame = JSON.stringify(usage) === JSON.stringify(spentUsage(state))
  if (usage === null || isNoUsage(usage) || isSame) return { state: next, events: [] }
  const model = state.model ?? brief.model
  const costUsd = model === null ? null : estimateCost(model, usage, brief.prices)
  // The tokens are exact; the cost comes from a list of prices.
  const estimate = costUsd === null ? {} : { estimate: true }
  return { state: { ...next, costUsd }, events: [{ type: 'usage', usage, costUsd, ...estimate }] }
}

/** A rolling update leaves out what did not change. */
export function limitsNotice(state: CodexAppState, params: Json): Step | null {
  const told = objectOf(params.rateLimits)
  if (told === null) return null
  const windows = objectsOf([told.primary, told.secondary])
  return { state: windows.length === 0 ? state : { ...state, limits: windows.map(limitOf) }, events: [] }
}

/** `resetsAt` is in seconds since the epoch. */
function limitOf(window: Json): Limit {
  const seconds = numberOf(window.resetsAt)
  const resetsAt = seconds === null || seconds <= 0 || seconds > 1e11 ? null : Math.round(seconds * 1_000)
  return { usedPercent: numberOf(window.usedPercent) ?? 0, resetsAt }
}

/** When the last of the spent limits returns; null where none is known to be spent. */
function resetOf(state: CodexAppState): number | null {
  const spent = state.limits.filter((limit) => limit.usedPercent >= 100 && limit.resetsAt !== null)
  return spent.length === 0 ? null : Math.max(...spent.map((limit) => limit.resetsAt ?? 0))
}

/** Pure. The turn's end decides; an end without it is a crash, whatever the exit code. */
export function finishCodexApp(state: CodexAppState, exit: ExitFacts): Verdict {
  const { model, thread, lastText, terminal, stderr, costUsd } = state
  const cost = { costUsd, costEstimated: costUsd !== null }
  const summary = { usage: spentUsage(state), ...cost, model, sessionRef: thread, lastText }
  if (terminal === null) return { ...summary, ...crashOf('Codex', exit, stderr) }
  if (terminal.ok || terminal.reason !== 'quota' || terminal.resetAt !== null) return { ...summary, ...terminal }
  return { ...summary, ...terminal, resetAt: resetTime(terminal.detail, exit.at ?? null) }
}

/** Each command that Codex does not know to be harmless is asked about. Once accepted it runs without the sandbox (measured on 0.169.0). */
export function openThread(state: CodexAppState, brief: Brief): Step {
  const model = brief.model === null ? {} : { model: brief.model }
  const access = { cwd: brief.cwd, approvalPolicy: 'untrusted', sandbox: 'workspace-write', ...model }
  const next = { ...state, phase: 'thread' as const }
  if (brief.sessionRef === null) return ask(next, 'thread/start', access)
  return ask(next, 'thread/resume', { threadId: brief.sessionRef, excludeTurns: true, ...access })
}

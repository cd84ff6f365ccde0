// How a run of Gemini CLI ended: its result line, and the verdict when the process is gone.

import type { PriceTable } from '../../core/price.ts'
import { estimateCost } from '../../core/price.ts'
import type { EventBody, Usage } from '../../protocol/events.ts'
import { apiError } from './api-error.ts'
import { oneLine } from './cut.ts'
import { exitWords, failureOf, lastWordsFailure } from './failure.ts'
import type { GeminiState } from './gemini-cli-state.ts'
import type { Json } from './json.ts'
import { countOf, objectOf, textOf } from './json.ts'
import type { Brief, ExitFacts, Failure, Reduced, Verdict } from './port.ts'
import { resetTime } from './reset-time.ts'
import { addUsage, isNoUsage, noUsage } from './usage.ts'

/** The terminal line. Its `error.type` is always `unknown`: only the words tell what happened. */
export function resultLine(state: GeminiState, line: Json, { prices }: Brief): Reduced<GeminiState> {
  const spent = spentOf(objectOf(line.stats), prices)
  const terminal = line.status === 'success' ? (state.stopped ?? ({ ok: true } as const)) : failed(state, line)
  const next = { ...state, terminal, usage: spent.usage, costUsd: spent.costUsd, model: spent.model ?? state.model }
  const events: EventBody[] = []
  if (spent.usage !== null) {
    // The tokens are exact; the cost comes from a list of prices.
    const estimate = spent.costUsd === null ? {} : { estimate: true }
    events.push({ type: 'usage', usage: spent.usage, costUsd: spent.costUsd, ...estimate })
  }
  if (!terminal.ok) events.push({ type: 'error', class: terminal.class, message: terminal.detail, fatal: true })
  events.push({ type: 'turn_end', reason: oneLine(textOf(line.status) ?? 'result') })
  return { state: next, events }
}

interface Spent {
  readonly usage: Usage | null
  readonly costUsd: number | null
  /** The model that wrote the most. */
  readonly model: string | null
}

/** `input_tokens` includes the cached ones. Each model (a small one routes) has its own price; one unknown price leaves the sum unknown. */
function spentOf(stats: Json | null, prices: PriceTable | undefined): Spent {
  if (stats === null) return { usage: null, costUsd: null, model: null }
  const models = Object.entries(objectOf(stats.models) ?? {}).slice(0, 50)
  const spent = models.map(([name, own]) => ({ name: name.slice(0, 200), usage: usageOf(objectOf(own) ?? {}) }))
  const used = spent.filter(({ usage }) => !isNoUsage(usage))
  const total = used.reduce((sum, { usage }) => addUsage(sum, usage), noUsage)
  const whole = used.length === 0 ? usageOf(stats) : total
  const costs = used.map(({ name, usage }) => estimateCost(name, usage, prices))
  const isKnown = costs.length > 0 && costs.every((cost) => cost !== null)
  const [most] = used.toSorted((a, b) => b.usage.outputTokens - a.usage.outputTokens)
  return {
    usage: isNoUsage(whole) ? null : whole,
    costUsd: isKnown ? costs.reduce((sum: number, cost) => sum + (cost ?? 0), 0) : null,
    model: most?.name ?? null,
  }
}

function usageOf(told: Json): Usage {
  const cached = countOf(told.cached)
  return {
    inputTokens: Math.max(0, countOf(told.input_tokens) - cached),
    outputTokens: countOf(told.output_tokens),
    cacheReadTokens: cached,
    cacheWriteTokens: 0,
  }
}

function failed(state: GeminiState, line: Json): Failure {
  const told = textOf(objectOf(line.error)?.message)
  const error = told === null ? state.trouble : apiError(told)
  const detail = error?.message ?? 'Gemini CLI ended with an error'
  if (/max(?:imum)? session turns/i.test(detail)) return { ...failureOf(null, detail), reason: 'max_turns_exceeded' }
  return failureOf(error?.class ?? state.trouble?.class ?? null, detail)
}

/** Its own exit codes; a model error ends it with the HTTP status modulo 256 instead (429: 173), which says nothing more than its words. */
const exits = { auth: 41, turns: 53 } as const

/** Pure. Success needs a `result` of status `success` as the last word, no stop before it, and exit code 0. */
export function finishGemini(state: GeminiState, exit: ExitFacts): Verdict {
  const { usage, costUsd, model, session, lastText } = state
  const cost = { costUsd, costEstimated: costUsd !== null }
  return { usage, ...cost, model, sessionRef: session, lastText, ...conclusion(state, exit) }
}

function conclusion(state: GeminiState, exit: ExitFacts): { readonly ok: true } | Failure {
  const { terminal } = state
  if (terminal === null) return unfinished(state, exit)
  if (!terminal.ok) return withReset(terminal, exit)
  if (exit.code === 0) return terminal
  return failureOf('crashed', `Gemini CLI reported success and then ended with ${exitWords(exit)}`)
}

function unfinished(state: GeminiState, exit: ExitFacts): Failure {
  const { trouble, stderr } = state
  if (/error resuming session/i.test(stderr)) {
    const line = stderr.split('\n').findLast((text) => /error resuming session/i.test(text))
    return { ...failureOf(null, line ?? stderr), reason: 'not_resumable' }
  }
  const crash = lastWordsFailure('Gemini CLI', exit, stderr)
  if (exit.code === exits.auth) return failureOf('auth', crash.detail)
  if (exit.code === exits.turns) return { ...failureOf(null, crash.detail), reason: 'max_turns_exceeded' }
  if (trouble === null) return crash
  const detail = `Gemini CLI ended with ${exitWords(exit)} while it had trouble: ${trouble.message}`
  return failureOf(trouble.class, detail, resetTime(trouble.message, exit.at ?? null))
}

function withReset(failure: Failure, exit: ExitFacts): Failure {
  const resetAt = failure.resetAt ?? resetTime(failure.detail, exit.at ?? null)
  return failure.reason === 'quota' ? { ...failure, resetAt } : failure
}

// How a turn of an ACP agent ends, and how its run does.

import type { EventBody, Usage } from '../../protocol/events.ts'
import type { AcpState } from './acp-state.ts'
import { usageEvents } from './acp-state.ts'
import { tellWords } from './acp-words.ts'
import { oneLine } from './cut.ts'
import { crashOf, failureOf } from './failure.ts'
import type { Json } from './json.ts'
import { countOf, objectOf, textOf } from './json.ts'
import type { ExitFacts, Failure, Reduced, Verdict } from './port.ts'
import { resetTime } from './reset-time.ts'
import { addUsage, isNoUsage } from './usage.ts'

type Step = Reduced<AcpState>

/** The conversation cannot go on: said once, and the agent may leave. */
export function failed(state: AcpState, failure: Failure): Step {
  const error: EventBody = { type: 'error', class: failure.class, message: failure.detail, fatal: true }
  return over({ ...state, terminal: failure }, [error])
}

/** The answer to the prompt: what was spent, and how it ended. */
export function turnEnded(state: AcpState, answer: Json, title: string): Step {
  const reason = oneLine(textOf(answer.stopReason) ?? 'no stop reason', 100)
  const told = usageOf(answer)
  const usage = told === null ? state.usage : addUsage(state.usage ?? zero, told)
  const next = { ...state, usage }
  const failure = failureFor(next, reason, title)
  const error: readonly EventBody[] =
    failure === null ? [] : [{ type: 'error', class: failure.class, message: failure.detail, fatal: true }]
  const events: readonly EventBody[] = [...usageEvents(next), ...error, { type: 'turn_end', reason }]
  return over({ ...next, terminal: failure ?? { ok: true } }, events)
}

/** Ends the conversation: what was said is told, what was asked is taken back, the agent sees the end of its input. */
export function over(state: AcpState, events: readonly EventBody[]): Step {
  const spoken = tellWords(state)
  const next = { ...spoken.state, phase: 'over' as const, tools: [], pending: [], setup: [] }
  const withdrawn = state.pending.map((ask) => ask.key)
  const taken = withdrawn.length === 0 ? {} : { withdrawn }
  return { state: next, events: [...spoken.events, ...events], ...taken, endInput: true, done: true }
}

const zero: Usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 }

/** `usage` is not in the protocol yet but sent by some; gemini puts its count under `_meta`. */
function usageOf(answer: Json): Usage | null {
  const told = objectOf(answer.usage)
  const quota = objectOf(objectOf(objectOf(answer._meta)?.quota)?.token_count)
  const usage: Usage = {
    inputTokens: countOf(told?.inputTokens ?? quota?.input_tokens),
    outputTokens: countOf(told?.outputTokens ?? quota?.output_tokens),
    cacheReadTokens: countOf(told?.cachedReadTokens),
    cacheWriteTokens: countOf(told?.cachedWriteTokens),
  }
  return isNoUsage(usage) ? null : usage
}

/** Null: a success. Only `end_turn` is one, and not as the answer to a denial. */
function failureFor(state: AcpState, reason: string, title: string): Failure | null {
  switch (reason) {
    case 'end_turn':
      // OpenCode ends so after a denial, without a word.
      return state.denied === null || state.wentOn ? null : failureOf(null, cancelled(state, title))
    case 'max_tokens':
      return failureOf('context_full', `${title} reached the limit of tokens in its turn`)
    case 'max_turn_requests':
      return { ...failureOf(null, `${title} reached its own limit of turns`), reason: 'max_turns_exceeded' }
    case 'refusal':
      return failureOf('refused', `${title} refused to go on with this prompt`)
    case 'cancelled':
      return failureOf(null, cancelled(state, title))
    default:
      return failureOf(null, `${title} ended its turn with ${reason}, which is no success that Capstan knows`)
  }
}

/** Some agents end their turn when something is denied. The work is not done then, and the person should see why. */
function cancelled(state: AcpState, title: string): string {
  if (state.denied === null) return `${title} cancelled its own turn`
  return `${title} ended its turn because this was not permitted: ${state.denied}`
}

/**
 * Pure. The answer to the prompt decides. The exit does not: some agents must be stopped after it, and some end with a trace.
 * An agent that leaves without that answer has crashed, whatever its exit code.
 */
export function finishAcp(state: AcpState, exit: ExitFacts, title: string): Verdict {
  const spoken = tellWords(state).state
  const { usage, costUsd, model, session, lastText } = spoken
  const summary = { usage, costUsd, model, sessionRef: session, lastText }
  return { ...summary, ...conclusion(state, exit, title) }
}

function conclusion(state: AcpState, exit: ExitFacts, title: string): { readonly ok: true } | Failure {
  const { terminal } = state
  if (terminal === null) return crashOf(title, exit, state.stderr)
  if (terminal.ok || terminal.reason !== 'quota' || terminal.resetAt !== null) return terminal
  return { ...terminal, resetAt: resetTime(terminal.detail, exit.at ?? null) }
}

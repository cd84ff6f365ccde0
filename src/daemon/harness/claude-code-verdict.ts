// How a run of Claude Code ended: its result line, and the verdict when the process is gone.

import type { AttemptReason } from '../../core/reason.ts'
import type { EventBody, Usage } from '../../protocol/events.ts'
import type { ClaudeState } from './claude-code-state.ts'
import { totalUsage, usageOf } from './claude-code-state.ts'
import { cut, oneLine } from './cut.ts'
import { classify, crashOf, exitWords, failureOf } from './failure.ts'
import type { Json } from './json.ts'
import { arrayOf, countOf, numberOf, objectOf, objectsOf, sessionOf, textOf } from './json.ts'
import type { ExitFacts, Failure, Reduced, Verdict } from './port.ts'
import { resetTime } from './reset-time.ts'
import { toolTitle } from './tool-title.ts'
import { addUsage, isNoUsage, noUsage } from './usage.ts'

/** The terminal line. Its `subtype` says `success` for API errors too: only `is_error` counts. */
export function resultLine(state: ClaudeState, line: Json): Reduced<ClaudeState> {
  const spent = spentOf(line)
  const settled = addUsage(state.settled, spent.usage)
  const costUsd = spent.isSession ? spent.costUsd : sum(state.costUsd, spent.costUsd)
  const words = textOf(line.result)
  const terminal = line.is_error === false ? ({ ok: true } as const) : failed(state, line)
  const next: ClaudeState = {
    ...state,
    session: sessionOf(line.session_id) ?? state.session,
    lastText: terminal.ok && words !== null && words.trim() !== '' ? cut(words, 8_192) : state.lastText,
    terminal,
    settled,
    costUsd,
    closed: noUsage,
    open: {},
  }
  const events: EventBody[] = objectsOf(line.permission_denials)
    .slice(0, 50)
    .map((denial) => denied(denial, state.cwd))
  if (!isNoUsage(settled)) events.push({ type: 'usage', usage: settled, costUsd })
  if (!terminal.ok) events.push({ type: 'error', class: terminal.class, message: terminal.detail, fatal: true })
  events.push({ type: 'turn_end', reason: oneLine(textOf(line.terminal_reason) ?? textOf(line.subtype) ?? 'result') })
  return { state: next, events }
}

interface Spent {
  readonly usage: Usage
  readonly costUsd: number | null
  /** The cost is the whole process's, not this result's. */
  readonly isSession: boolean
}

/**
 * `model_usage_since_last_result` is this result's share, sub-agents included. Older versions lack it: then `usage` is this run's, but
 * `total_cost_usd` and `modelUsage` also count the earlier runs of a resumed conversation (measured).
 */
function spentOf(line: Json): Spent {
  const share = objectOf(line.model_usage_since_last_result)
  if (share === null) {
    const usage = usageOf(objectOf(line.usage) ?? {})
    return { usage, costUsd: numberOf(line.total_cost_usd), isSession: true }
  }
  let usage = noUsage
  let costUsd = 0
  for (const model of objectsOf(Object.values(share))) {
    usage = addUsage(usage, {
      inputTokens: countOf(model.inputTokens),
      outputTokens: countOf(model.outputTokens),
      cacheReadTokens: countOf(model.cacheReadInputTokens),
      cacheWriteTokens: countOf(model.cacheCreationInputTokens),
    })
    costUsd += numberOf(model.costUSD) ?? 0
  }
  return { usage, costUsd, isSession: false }
}

function sum(a: number | null, b: number | null): number | null {
  return a === null ? b : a + (b ?? 0)
}

const ends: Readonly<Record<string, AttemptReason>> = {
  error_max_turns: 'max_turns_exceeded',
  error_max_budget_usd: 'max_cost_exceeded',
  error_max_structured_output_retries: 'output_invalid',
}

function failed(state: ClaudeState, line: Json): Failure {
  const errors = arrayOf(line.errors).filter((error): error is string => typeof error === 'string')
  const words = oneLine(textOf(line.result) || errors.join(' ') || state.trouble?.message || '', 500)
  const subtype = textOf(line.subtype) ?? ''
  const end = Object.hasOwn(ends, subtype) ? ends[subtype] : undefined
  const detail = words === '' ? `Claude Code ended with ${oneLine(subtype || 'an error')}` : words
  if (end !== undefined) return { ...failureOf(null, detail), reason: end }
  if (/no conversation found/i.test(detail)) return { ...failureOf(null, detail), reason: 'not_resumable' }
  const status = numberOf(line.api_error_status)
  const kind = state.trouble?.class ?? classify(status === null ? detail : `${detail} (${status})`)
  // A rejected limit of a subscription has said when it returns; then the rate limit is a spent quota.
  const spent = kind === 'rate_limit' && state.resetAt !== null ? 'quota' : kind
  return failureOf(spent, detail, state.resetAt)
}

function denied(denial: Json, cwd: string | null): EventBody {
  const name = textOf(denial.tool_name) ?? 'a tool'
  const title = toolTitle(name, objectOf(denial.tool_input) ?? {}, cwd)
  return { type: 'notice', level: 'warning', message: `Not permitted: ${oneLine(`${name}: ${title}`)}` }
}

/** Pure. Success needs a result line without error, nothing after it, and exit code 0: after SIGINT the code is 0 as well. */
export function finishClaude(state: ClaudeState, exit: ExitFacts): Verdict {
  const usage = totalUsage(state)
  const summary = {
    usage: isNoUsage(usage) ? null : usage,
    costUsd: state.costUsd,
    model: state.model,
    sessionRef: state.session,
    lastText: state.lastText,
  }
  return { ...summary, ...conclusion(state, exit) }
}

function conclusion(state: ClaudeState, exit: ExitFacts): { readonly ok: true } | Failure {
  const { terminal, trouble } = state
  if (terminal === null) {
    if (/no conversation found/i.test(state.stderr)) {
      return { ...failureOf(null, state.stderr), reason: 'not_resumable' }
    }
    if (trouble === null) return crashOf('Claude Code', exit, state.stderr)
    const detail = `Claude Code ended with ${exitWords(exit)} while it had trouble: ${trouble.message}`
    return failureOf(trouble.class, detail, state.resetAt ?? resetTime(trouble.message, exit.at ?? null))
  }
  if (!terminal.ok) {
    return terminal.reason === 'quota' && terminal.resetAt === null
      ? { ...terminal, resetAt: resetTime(terminal.detail, exit.at ?? null) }
      : terminal
  }
  if (exit.code === 0) return terminal
  return failureOf('crashed', `Claude Code reported success and then ended with ${exitWords(exit)}`)
}

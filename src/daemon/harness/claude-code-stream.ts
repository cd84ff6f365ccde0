// Claude Code's stream, line by line: system, assistant, user, result, rate_limit_event. What is not known stays raw.

import type { EventBody } from '../../protocol/events.ts'
import { controlCancel, controlRequest, inputOver } from './claude-code-ask.ts'
import { classOf } from './claude-code-errors.ts'
import { assistantLine, userLine } from './claude-code-messages.ts'
import type { ClaudeState } from './claude-code-state.ts'
import { resultLine } from './claude-code-verdict.ts'
import { cut, keepTail, oneLine } from './cut.ts'
import type { Json } from './json.ts'
import { countOf, numberOf, objectOf, objectsOf, parseObject, sessionOf, textOf } from './json.ts'
import type { Brief, Line, Reduced } from './port.ts'

type Step = Reduced<ClaudeState>

export function reduceClaude(state: ClaudeState, line: Line, brief: Brief): Step {
  if (line.text.trim() === '') return { state, events: [] }
  if (line.stream === 'stderr') {
    return { state: { ...state, stderr: keepTail(state.stderr, line.text) }, events: [raw(line)] }
  }
  const message = parseObject(line.text)
  const step = message === null ? null : known(state, message, brief)
  return step ?? { state, events: [raw(line)] }
}

function known(state: ClaudeState, message: Json, { autonomy }: Brief): Step | null {
  switch (message.type) {
    case 'system':
      return systemLine(state, message)
    case 'assistant':
      return assistantLine(state, message)
    case 'user':
      return userLine(state, message)
    case 'result': {
      const step = resultLine(state, message)
      return autonomy === 'ask' ? inputOver(step) : step
    }
    case 'control_request':
      return controlRequest(state, message)
    case 'control_cancel_request':
      return controlCancel(state, message)
    case 'rate_limit_event':
      return limitLine(state, message)
    default:
      return null
  }
}

function systemLine(state: ClaudeState, message: Json): Step | null {
  switch (message.subtype) {
    case 'init':
      return initLine(state, message)
    case 'api_retry':
      return retryLine(state, message)
    case 'compact_boundary':
      return {
        state,
        events: [{ type: 'notice', message: 'The conversation was compacted to fit the context window.' }],
      }
    default:
      return null
  }
}

function initLine(state: ClaudeState, message: Json): Step {
  const started: ClaudeState = {
    ...state,
    session: sessionOf(message.session_id) ?? state.session,
    model: textOf(message.model)?.slice(0, 200) ?? state.model,
    cwd: textOf(message.cwd)?.slice(0, 4_096) ?? state.cwd,
    terminal: null,
  }
  const broken = objectsOf(message.mcp_servers).filter((server) => server.status === 'failed')
  const events = broken.map(
    (server): EventBody => ({
      type: 'notice',
      level: 'warning',
      message: `The MCP server ${oneLine(textOf(server.name) ?? 'without a name')} did not start.`,
    }),
  )
  return { state: started, events }
}

function retryLine(state: ClaudeState, message: Json): Step {
  const kind = classOf(textOf(message.error), '')
  const status = numberOf(message.error_status)
  const words = textOf(message.error)?.replaceAll('_', ' ') ?? 'the model did not answer'
  const told = status === null ? words : `${words} (${status})`
  const delayMs = numberOf(message.retry_delay_ms)
  const limit = numberOf(message.max_retries)
  const most = limit === null ? {} : { limit: Math.round(limit) }
  return {
    state: { ...state, trouble: { class: kind, message: oneLine(told) } },
    events: [{ type: 'retry', tries: countOf(message.attempt), ...most, delayMs, class: kind, message: oneLine(told) }],
  }
}

/** Only accounts with a subscription send it. `resetsAt` is in seconds since the epoch. */
function limitLine(state: ClaudeState, message: Json): Step | null {
  const info = objectOf(message.rate_limit_info)
  if (info === null) return null
  const seconds = numberOf(info.resetsAt)
  const resetAt = seconds === null ? null : Math.round(seconds * 1_000)
  const name = oneLine(textOf(info.rateLimitType)?.replaceAll('_', ' ') ?? 'usage')
  if (info.status === 'rejected') {
    const notice: EventBody = { type: 'notice', level: 'warning', message: `The ${name} limit is spent.` }
    return { state: { ...state, resetAt }, events: [notice] }
  }
  if (info.status !== 'allowed_warning') return { state, events: [] }
  return { state, events: [{ type: 'notice', level: 'warning', message: `The ${name} limit is nearly spent.` }] }
}

function raw(line: Line): EventBody {
  return { type: 'raw', stream: line.stream, line: cut(line.text) }
}

// `session/update`: what an ACP agent says, does, plans and spends while it works.

import type { EventBody } from '../../protocol/events.ts'
import type { AcpState, Said } from './acp-state.ts'
import { contentText, toolUpdate } from './acp-tools.ts'
import { speak, tellWords } from './acp-words.ts'
import { oneLine } from './cut.ts'
import type { Json } from './json.ts'
import { numberOf, objectOf, objectsOf, textOf } from './json.ts'
import type { Reduced } from './port.ts'
import { noUsage } from './usage.ts'

type Step = Reduced<AcpState>

/** Null: kept raw by the caller. Of another session, or of a kind that is not known, nothing is guessed. */
export function sessionUpdate(state: AcpState, params: Json, cwd: string): Step | null {
  const update = objectOf(params.update)
  if (update === null) return null
  // An earlier conversation that is loaded is played again: its attempt has told it.
  if (state.phase !== 'prompt' && state.restores !== null) return { state, events: [] }
  if (state.session === null || params.sessionId !== state.session) return null
  switch (update.sessionUpdate) {
    case 'agent_message_chunk':
      return piece(state, update, 'text')
    case 'agent_thought_chunk':
      return piece(state, update, 'thinking')
    case 'user_message_chunk':
      return { state, events: [] } // the prompt, repeated
    case 'tool_call':
    case 'tool_call_update':
      return toolUpdate(state, update, cwd)
    case 'plan':
      return plan(state, update)
    case 'usage_update':
      return cost(state, update)
    case 'notice':
      return notice(state, update)
    case 'compaction_update':
      return compaction(state, update)
    default:
      return null
  }
}

function piece(state: AcpState, update: Json, kind: Said['kind']): Step | null {
  const content = objectOf(update.content)
  if (content === null) return null
  const message = textOf(update.messageId)?.slice(0, 200) ?? null
  const parent = textOf(objectOf(objectOf(update._meta)?.claudeCode)?.parentToolUseId)?.slice(0, 200) ?? null
  const text = contentText(content)
  const wentOn = state.wentOn || text.trim() !== ''
  return speak({ ...state, wentOn }, { kind, text, message, parent })
}

function plan(state: AcpState, update: Json): Step {
  const items = objectsOf(update.entries)
    .slice(0, 200)
    .map((entry) => ({ text: oneLine(textOf(entry.content) ?? '', 500), status: statusOf(entry.status) }))
  return after(state, { type: 'plan', items })
}

function statusOf(status: unknown): 'pending' | 'in_progress' | 'completed' {
  return status === 'completed' || status === 'in_progress' ? status : 'pending'
}

/** `used` is how full the context is, not what was spent: only the cost counts. Other currencies are not converted. */
function cost(state: AcpState, update: Json): Step {
  const told = objectOf(update.cost)
  const amount = numberOf(told?.amount)
  if (amount === null || amount < 0 || textOf(told?.currency) !== 'USD' || amount === state.costUsd) {
    return { state, events: [] }
  }
  const usage = state.usage ?? noUsage
  const event: EventBody = { type: 'usage', usage, costUsd: amount, estimate: true }
  return { state: { ...state, costUsd: amount }, events: [event] }
}

function notice(state: AcpState, update: Json): Step {
  const words = [textOf(update.title), textOf(update.description)].filter((text) => text !== null).join(': ')
  const level = update.severity === 'warning' || update.severity === 'error' ? { level: 'warning' as const } : {}
  return after(state, { type: 'notice', message: oneLine(words || 'a notice without words', 500), ...level })
}

function compaction(state: AcpState, update: Json): Step {
  if (update.status !== 'completed') return { state, events: [] }
  return after(state, { type: 'notice', message: 'The conversation was compacted to fit the context window.' })
}

/** An event in its place: after the words that came before it. */
function after(state: AcpState, event: EventBody): Step {
  const spoken = tellWords(state)
  return { state: spoken.state, events: [...spoken.events, event] }
}

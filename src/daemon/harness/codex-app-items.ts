// Items of a Codex thread as the app-server tells them: brought to the shapes of `codex exec`, whose reader then makes the events.

import type { EventBody } from '../../protocol/events.ts'
import type { CodexAppState } from './codex-app-state.ts'
import { maxChanges, maxStarted, maxSubAgents } from './codex-app-state.ts'
import { itemEvents } from './codex-items.ts'
import { cut, oneLine } from './cut.ts'
import type { Json } from './json.ts'
import { arrayOf, objectOf, objectsOf, textOf } from './json.ts'
import type { Reduced } from './port.ts'

type Step = Reduced<CodexAppState>

/** `item/started` and `item/completed`. Null: not an item that is known. */
export function itemNotice(state: CodexAppState, params: Json, phase: 'started' | 'completed'): Step | null {
  const told = objectOf(params.item)
  if (told === null) return null
  if (told.type === 'userMessage') return { state, events: [] } // the prompt, repeated
  if (told.type === 'contextCompaction') return compacted(state, phase)
  const item = asExecItem(told)
  if (item === null) return null
  const id = (textOf(told.id) ?? '').slice(0, 200)
  const made = itemEvents(item, { id, phase, isNew: !state.started.includes(id) })
  if (made === null) return null
  const parent = parentOf(state, params.threadId)
  const others = state.started.filter((other) => other !== id)
  const started = made.isOpen ? [...others, id].slice(-maxStarted) : others
  const said = parent === null ? (made.said ?? state.lastText) : state.lastText
  const next = remembered({ ...state, started, lastText: said, trouble: null }, told, { id, phase })
  return { state: next, events: parent === null ? made.events : made.events.map((event) => nested(event, parent)) }
}

function compacted(state: CodexAppState, phase: string): Step {
  const message = 'The conversation was compacted to fit the context window.'
  return { state, events: phase === 'completed' ? [{ type: 'notice', message }] : [] }
}

function asExecItem(item: Json): Json | null {
  switch (item.type) {
    case 'agentMessage':
    case 'plan':
      return { type: 'agent_message', text: item.text }
    case 'reasoning':
      return { type: 'reasoning', text: reasoning(item) }
    case 'commandExecution': {
      const { command, aggregatedOutput, exitCode, status } = item
      return { type: 'command_execution', command, aggregated_output: aggregatedOutput, exit_code: exitCode, status }
    }
    case 'fileChange':
      return { type: 'file_change', changes: changesOf(item), status: item.status }
    case 'mcpToolCall':
      return { ...item, type: 'mcp_tool_call' }
    case 'webSearch':
      return { type: 'web_search', query: item.query }
    case 'collabAgentToolCall':
      return { type: 'collab_tool_call', tool: item.tool, prompt: item.prompt, status: item.status }
    default:
      return null
  }
}

function reasoning(item: Json): string {
  const parts = arrayOf(item.summary).length > 0 ? arrayOf(item.summary) : arrayOf(item.content)
  return parts.filter((part) => typeof part === 'string').join('\n\n')
}

function changesOf(item: Json): readonly Json[] {
  return objectsOf(item.changes).map((change) => ({
    path: change.path,
    kind: textOf(objectOf(change.kind)?.type) ?? textOf(change.kind) ?? 'change',
    diff: change.diff,
  }))
}

/** The call by which the sub-agent of this thread was started; null: the agent itself speaks. */
function parentOf(state: CodexAppState, thread: unknown): string | null {
  if (thread === state.thread) return null
  return state.subAgents.find((each) => each.thread === thread)?.call ?? null
}

function nested(event: EventBody, parent: string): EventBody {
  switch (event.type) {
    case 'text':
    case 'thinking':
    case 'tool_start':
    case 'tool_end':
      return { ...event, parent }
    default:
      return event
  }
}

/** What later lines refer to: the diff that is asked about, the thread of a sub-agent. */
function remembered(
  state: CodexAppState,
  item: Json,
  at: { readonly id: string; readonly phase: string },
): CodexAppState {
  if (item.type === 'collabAgentToolCall') {
    const threads = arrayOf(item.receiverThreadIds).filter(
      (thread) => typeof thread === 'string' && thread.length <= 200,
    )
    const fresh = threads.flatMap((thread) => (isKnown(state, thread) ? [] : [{ thread: String(thread), call: at.id }]))
    return { ...state, subAgents: [...state.subAgents, ...fresh].slice(-maxSubAgents) }
  }
  if (item.type !== 'fileChange') return state
  const others = state.changes.filter((change) => change.item !== at.id)
  if (at.phase === 'completed') return { ...state, changes: others }
  const changes = changesOf(item)
  const title = oneLine(changes.map((change) => `${change.kind} ${textOf(change.path) ?? ''}`).join(', '))
  const diff = cut(
    changes.map((change) => `${textOf(change.path) ?? ''}\n${textOf(change.diff) ?? ''}`).join('\n'),
    4_096,
  )
  return { ...state, changes: [...others, { item: at.id, title, diff }].slice(-maxChanges) }
}

function isKnown(state: CodexAppState, thread: unknown): boolean {
  return thread === state.thread || state.subAgents.some((each) => each.thread === thread)
}

// The messages of a conversation with Claude Code: what the agent says and does, and what its tools answered.

import type { EventBody } from '../../protocol/events.ts'
import { classOf } from './claude-code-errors.ts'
import type { ClaudeState } from './claude-code-state.ts'
import { countMessage, totalUsage, usageOf } from './claude-code-state.ts'
import { boundedInput, cut, oneLine } from './cut.ts'
import type { Json } from './json.ts'
import { objectOf, objectsOf, textOf } from './json.ts'
import type { Reduced } from './port.ts'
import { toolTitle } from './tool-title.ts'
import { isNoUsage } from './usage.ts'

type Step = Reduced<ClaudeState>
/** The tool call whose sub-agent speaks; nothing for the agent itself. */
type Parent = { readonly parent?: string }

const maxHidden = 32

export function assistantLine(state: ClaudeState, line: Json): Step | null {
  const message = objectOf(line.message)
  if (message === null) return null
  const blocks = objectsOf(message.content)
  if (typeof line.error === 'string') return modelError(state, line.error, blocks)
  const parent = parentOf(line)
  let next: ClaudeState = { ...counted(state, message, parent), trouble: null }
  if (parent.parent === undefined) next = { ...next, terminal: null }
  const events: EventBody[] = []
  for (const block of blocks) {
    const step = contentBlock(next, block, parent)
    next = step.state
    events.push(...step.events)
  }
  return { state: next, events }
}

/** An error that the CLI words as if the model had said it (`"model":"<synthetic>"`). */
function modelError(state: ClaudeState, error: string, blocks: readonly Json[]): Step {
  const words = oneLine(blocks.map((block) => textOf(block.text) ?? '').join(' ') || error, 500)
  const kind = classOf(error, words)
  return {
    state: { ...state, trouble: { class: kind, message: words } },
    events: [{ type: 'error', class: kind, message: words }],
  }
}

function counted(state: ClaudeState, message: Json, parent: Parent): ClaudeState {
  const id = textOf(message.id)
  const usage = objectOf(message.usage)
  if (id === null || usage === null) return state
  return countMessage(state, { thread: parent.parent ?? 'main', id: id.slice(0, 200), usage: usageOf(usage) })
}

function contentBlock(state: ClaudeState, block: Json, parent: Parent): Step {
  switch (block.type) {
    case 'text':
      return textBlock(state, textOf(block.text) ?? '', parent)
    case 'thinking': {
      const text = textOf(block.thinking) ?? ''
      return { state, events: text === '' ? [] : [{ type: 'thinking', text: cut(text), ...parent }] }
    }
    case 'redacted_thinking':
      return { state, events: [] } // encrypted: nobody can read it
    case 'tool_use':
    case 'server_tool_use':
    case 'mcp_tool_use':
      return toolUse(state, block, parent)
    default:
      return { state, events: [{ type: 'raw', stream: 'stdout', line: cut(JSON.stringify(block)) }] }
  }
}

function textBlock(state: ClaudeState, text: string, parent: Parent): Step {
  if (text.trim() === '') return { state, events: [] }
  const isMain = parent.parent === undefined
  const next = isMain ? { ...state, lastText: cut(text, 8_192) } : state
  return { state: next, events: [{ type: 'text', text: cut(text), ...parent }] }
}

function toolUse(state: ClaudeState, block: Json, parent: Parent): Step {
  const id = idOf(block.id)
  const name = oneLine(textOf(block.name) ?? 'tool')
  const input = objectOf(block.input) ?? {}
  if (name === 'TodoWrite' && parent.parent === undefined) {
    const hidden = [...state.hidden, id].slice(-maxHidden)
    return { state: { ...state, hidden }, events: [{ type: 'plan', items: planItems(input) }] }
  }
  const title = toolTitle(name, input, state.cwd)
  return { state, events: [{ type: 'tool_start', id, name, input: boundedInput(input), title, ...parent }] }
}

function planItems(input: Json): Extract<EventBody, { type: 'plan' }>['items'] {
  return objectsOf(input.todos)
    .slice(0, 200)
    .map((todo) => ({
      text: oneLine(textOf(todo.content) ?? '', 500),
      status: todo.status === 'completed' || todo.status === 'in_progress' ? todo.status : 'pending',
    }))
}

export function userLine(state: ClaudeState, line: Json): Step | null {
  const message = objectOf(line.message)
  if (message === null) return null
  const parent = parentOf(line)
  const isMain = parent.parent === undefined
  const results = objectsOf(message.content).filter((block) => block.type === 'tool_result')
  if (results.length === 0) return otherUserLine(state, message, isMain)
  const shown = results.filter((block) => block.is_error === true || !state.hidden.includes(idOf(block.tool_use_id)))
  const events = shown.map((block) => toolEnd(block, parent))
  const hidden = state.hidden.filter((id) => !results.some((block) => idOf(block.tool_use_id) === id))
  const next = { ...state, hidden, terminal: isMain ? null : state.terminal }
  const usage = totalUsage(next)
  // One estimate per turn, so that budgets can act before the result comes with the exact sum.
  if (isMain && !isNoUsage(usage)) events.push({ type: 'usage', usage, costUsd: null, estimate: true })
  return { state: next, events }
}

/** A sub-agent's prompt stands in the call that started it; what else is put in the user's mouth is worth a line. */
function otherUserLine(state: ClaudeState, message: Json, isMain: boolean): Step {
  if (!isMain) return { state, events: [] }
  const text =
    textOf(message.content) ??
    objectsOf(message.content)
      .map((block) => textOf(block.text) ?? '')
      .join(' ')
  return { state, events: text.trim() === '' ? [] : [{ type: 'notice', message: oneLine(text, 500) }] }
}

function toolEnd(block: Json, parent: Parent): EventBody {
  const output = outputOf(block.content)
  const ok = block.is_error !== true
  const code = ok ? null : /^Exit code (\d{1,3})\b/.exec(output)
  const exit = code ? { exitCode: Number(code[1]) } : {}
  return { type: 'tool_end', id: idOf(block.tool_use_id), ok, output: cut(output), ...exit, ...parent }
}

function outputOf(content: unknown): string {
  if (typeof content === 'string') return content
  return objectsOf(content)
    .map((block) => textOf(block.text) ?? `[${oneLine(textOf(block.type) ?? 'something')}]`)
    .join('\n')
}

function idOf(value: unknown): string {
  return (textOf(value) ?? '').slice(0, 200)
}

function parentOf(line: Json): Parent {
  const parent = textOf(line.parent_tool_use_id)
  return parent === null || parent === '' ? {} : { parent: parent.slice(0, 200) }
}

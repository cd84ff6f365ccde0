// The items of a Codex turn: what it says, runs, changes, searches and plans.

import type { EventBody } from '../../protocol/events.ts'
import { boundedInput, cut, oneLine } from './cut.ts'
import type { Json } from './json.ts'
import { integerOf, objectOf, objectsOf, textOf } from './json.ts'

export interface ItemStep {
  readonly events: readonly EventBody[]
  /** The item's end is still to come. */
  readonly isOpen: boolean
  /** The agent's words, when the item was a message. */
  readonly said?: string
}

/** `phase`: started, updated or completed. `isNew`: its start has not been shown. Null: not an item that is known. */
interface Place {
  readonly id: string
  readonly phase: string
  readonly isNew: boolean
}

export function itemEvents(item: Json, place: Place): ItemStep | null {
  const isDone = place.phase === 'completed'
  switch (item.type) {
    case 'agent_message':
      return said(textOf(item.text) ?? '', isDone)
    case 'reasoning':
      return shown(
        isDone && textOf(item.text)?.trim() ? [{ type: 'thinking', text: cut(textOf(item.text) ?? '') }] : [],
      )
    case 'todo_list':
      return shown([{ type: 'plan', items: planItems(item) }])
    case 'error':
      // Not a failed turn: Codex tells of unknown model metadata like this (measured).
      return shown([{ type: 'notice', level: 'warning', message: oneLine(textOf(item.message) ?? 'error', 500) }])
    case 'command_execution':
    case 'file_change':
    case 'mcp_tool_call':
    case 'web_search':
    case 'collab_tool_call':
      return toolStep(item, place)
    default:
      return null
  }
}

function shown(events: readonly EventBody[]): ItemStep {
  return { events, isOpen: false }
}

function said(text: string, isDone: boolean): ItemStep {
  if (!isDone || text.trim() === '') return shown([])
  return { events: [{ type: 'text', text: cut(text) }], isOpen: false, said: cut(text, 8_192) }
}

function planItems(item: Json): Extract<EventBody, { type: 'plan' }>['items'] {
  return objectsOf(item.items)
    .slice(0, 200)
    .map((entry) => ({
      text: oneLine(textOf(entry.text) ?? '', 500),
      status: entry.completed === true ? 'completed' : 'pending',
    }))
}

function toolStep(item: Json, place: Place): ItemStep {
  const call = callOf(item)
  const start: EventBody = { type: 'tool_start', id: place.id, ...call }
  const starts = place.isNew ? [start] : []
  if (place.phase !== 'completed') return { events: starts, isOpen: true }
  return { events: [...starts, endOf(item, place.id)], isOpen: false }
}

function callOf(item: Json): { name: string; input: unknown; title: string } {
  switch (item.type) {
    case 'command_execution': {
      const command = textOf(item.command) ?? ''
      return { name: 'shell', input: boundedInput({ command }), title: oneLine(withoutShell(command)) }
    }
    case 'file_change': {
      const changes = objectsOf(item.changes).map(
        (change) => `${textOf(change.kind) ?? 'change'} ${textOf(change.path)}`,
      )
      return { name: 'apply_patch', input: boundedInput({ changes: item.changes }), title: oneLine(changes.join(', ')) }
    }
    case 'mcp_tool_call': {
      const name = `${textOf(item.server) ?? 'mcp'}: ${textOf(item.tool) ?? 'tool'}`
      return { name: oneLine(name), input: boundedInput(item.arguments), title: oneLine(name) }
    }
    case 'web_search':
      return {
        name: 'web_search',
        input: boundedInput({ query: item.query }),
        title: oneLine(textOf(item.query) ?? ''),
      }
    default: {
      const name = textOf(item.tool) ?? 'agent'
      const title = oneLine(textOf(item.prompt) ?? name)
      return { name: oneLine(name), input: boundedInput({ prompt: item.prompt }), title }
    }
  }
}

function endOf(item: Json, id: string): EventBody {
  const exitCode = integerOf(item.exit_code)
  const ok = (exitCode === null || exitCode === 0) && item.status !== 'failed' && item.status !== 'declined'
  const end = { type: 'tool_end' as const, id, ok, output: cut(outputOf(item)) }
  return item.type === 'command_execution' ? { ...end, exitCode } : end
}

function outputOf(item: Json): string {
  if (item.type === 'command_execution') return textOf(item.aggregated_output) ?? ''
  const error = textOf(objectOf(item.error)?.message)
  if (error !== null) return error
  return objectsOf(objectOf(item.result)?.content)
    .map((block) => textOf(block.text) ?? `[${oneLine(textOf(block.type) ?? 'something')}]`)
    .join('\n')
}

/** One word after the flag, as a shell would quote it: plain, in double quotes, or in single ones with `'"'"'` or `'\''` for each inside. */
const wrapped =
  /^(?:\/(?:usr\/(?:local\/)?)?bin\/)?(?:ba|z|da)?sh -l?c ([\w@%+=:,./-]+|"(?:[^"\\$`]|\\["\\$`])*"|'(?:[^']|'"'"'|'\\'')*')$/

/**
 * `/bin/bash -lc "make test"` → `make test`. Only a shell of the system with one script and nothing behind it: rules that approve by themselves see the
 * result, and a `sh` of the agent's own, or `sh -c deploy --dry-run` (which runs `deploy` alone), is not the command that it seems to hold.
 */
export function withoutShell(command: string): string {
  const [, script] = wrapped.exec(command) ?? []
  if (script === undefined) return command
  if (script.startsWith('"')) return script.slice(1, -1).replace(/\\(["\\$`])/g, '$1')
  return script.startsWith("'") ? script.slice(1, -1).replace(/'"'"'|'\\''/g, "'") : script
}

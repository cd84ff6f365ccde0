// Tool calls of an ACP agent: started, updated in any order, ended once.

import type { EventBody } from '../../protocol/events.ts'
import type { AcpState, OpenTool } from './acp-state.ts'
import { maxTools } from './acp-state.ts'
import { tellWords } from './acp-words.ts'
import { boundedInput, cut, oneLine } from './cut.ts'
import type { Json } from './json.ts'
import { integerOf, objectOf, objectsOf, textOf } from './json.ts'
import type { Reduced } from './port.ts'
import { toolTitle } from './tool-title.ts'

type Step = Reduced<AcpState>

/** `tool_call` and `tool_call_update`: gemini sends the second without the first. Null: it names no tool call. */
export function toolUpdate(state: AcpState, update: Json, cwd: string): Step | null {
  const id = textOf(update.toolCallId)?.slice(0, 200) ?? ''
  if (id === '') return null
  const before = state.tools.find((tool) => tool.id === id)
  const spoken = tellWords(state)
  const isShown = before?.isShown === true || isTelling(update, cwd)
  const tool = { ...merged(before, update, { id, cwd }), isShown }
  const starts = isShown && before?.isShown !== true ? [startOf(tool, update)] : []
  const others = state.tools.filter((other) => other.id !== id)
  const isDone = update.status === 'completed' || update.status === 'failed'
  const tools = isDone ? others : [...others, tool].slice(-maxTools)
  const ends = isDone ? [endOf(tool, update)] : []
  const wentOn = state.wentOn || before === undefined
  return { state: { ...spoken.state, tools, wentOn }, events: [...spoken.events, ...starts, ...ends] }
}

/** OpenCode tells of a call before it knows more than the tool's name. */
function isTelling(update: Json, cwd: string): boolean {
  if (textOf(update.status) !== null && update.status !== 'pending') return true
  const input = objectOf(update.rawInput)
  return input !== null && toolTitle('', input, cwd) !== ''
}

function merged(
  before: OpenTool | undefined,
  update: Json,
  at: { id: string; cwd: string },
): Omit<OpenTool, 'isShown'> {
  const output = outputOf(update)
  return {
    id: at.id,
    kind: textOf(update.kind)?.slice(0, 40) ?? before?.kind ?? null,
    title: titleOf(update, at.cwd) ?? before?.title ?? before?.kind ?? 'tool',
    output: output === '' ? (before?.output ?? '') : cut(output, 800),
    parent: before?.parent ?? parentOf(update),
  }
}

/** The agent's own title, else what its input tells. */
export function titleOf(update: Json, cwd: string): string | null {
  const title = textOf(update.title)?.trim()
  if (title) return oneLine(title)
  const input = objectOf(update.rawInput)
  return input === null ? null : toolTitle(textOf(update.kind) ?? 'tool', input, cwd)
}

function startOf(tool: OpenTool, update: Json): EventBody {
  const name = oneLine(textOf(update.name) ?? toolName(update) ?? tool.kind ?? 'tool')
  const input = boundedInput(update.rawInput ?? {})
  return { type: 'tool_start', id: tool.id, name, input, title: tool.title, ...parentField(tool) }
}

/** claude-agent-acp tells the tool's name and the sub-agent's call here. */
function toolName(update: Json): string | null {
  return textOf(objectOf(objectOf(update._meta)?.claudeCode)?.toolName)
}

function parentOf(update: Json): string | null {
  return textOf(objectOf(objectOf(update._meta)?.claudeCode)?.parentToolUseId)?.slice(0, 200) ?? null
}

function endOf(tool: OpenTool, update: Json): EventBody {
  const raw = objectOf(update.rawOutput)
  const exitCode = integerOf(raw?.exit_code ?? raw?.exitCode ?? objectOf(raw?.metadata)?.exit)
  const output = outputOf(update) || tool.output
  const ok = update.status === 'completed'
  const exit = exitCode === null ? {} : { exitCode }
  return { type: 'tool_end', id: tool.id, ok, output: cut(output), ...exit, ...parentField(tool) }
}

function parentField(tool: OpenTool): { readonly parent?: string } {
  return tool.parent === null ? {} : { parent: tool.parent }
}

function outputOf(update: Json): string {
  const blocks = objectsOf(update.content).map(blockText)
  const shown = blocks.filter((text) => text !== '').join('\n')
  if (shown !== '') return shown
  const raw = update.rawOutput
  if (raw === undefined || raw === null) return ''
  const own = objectOf(raw)
  const told = textOf(raw) ?? textOf(own?.formatted_output) ?? textOf(own?.aggregated_output) ?? textOf(own?.output)
  return told ?? JSON.stringify(boundedInput(raw))
}

function blockText(block: Json): string {
  if (block.type === 'diff') return `[changed ${oneLine(textOf(block.path) ?? 'a file')}]`
  if (block.type === 'terminal') return ''
  return contentText(objectOf(block.content) ?? {})
}

/** A content block in words: what is no text is named. */
export function contentText(content: Json): string {
  const text = textOf(content.text)
  if (text !== null) return text
  if (content.type === 'resource_link') return `[${oneLine(textOf(content.name) ?? textOf(content.uri) ?? 'link')}]`
  const inside = textOf(objectOf(content.resource)?.text)
  return inside ?? `[${oneLine(textOf(content.type) ?? 'something')}]`
}

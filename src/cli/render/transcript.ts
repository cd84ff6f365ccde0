// An agent at work, as a person wants to read it: what it says, which tool it ran, what went wrong. A pure reducer over events.

import { formatDuration } from '../../lib/duration.ts'
import type { EventBody, TranscriptEvent } from '../../protocol/events.ts'
import { plural } from './figures.ts'
import type { Look } from './outcome.ts'
import { oneLine, visible } from './visible.ts'
import { cut, wrap } from './wrap.ts'

export interface Shown {
  readonly attempt: number
  /** Open tool calls by id: their line, to be named again when others ran in between. */
  readonly tools: ReadonlyMap<string, string>
  /** The tool call whose line was written last, if nothing came after it. */
  readonly lastTool: string | null
  /** A blank line stands before the next paragraph. */
  readonly spoke: boolean
  /** The error that was told last, if nothing came after it: CLIs report one when it comes and again as the end of their turn. */
  readonly error: string | null
}

export const nothingShown: Shown = { attempt: 0, tools: new Map(), lastTool: null, spoke: false, error: null }

export interface Told {
  readonly shown: Shown
  readonly lines: readonly string[]
}

const thinkingLines = 3

/** The lines that one event adds. */
export function tell(before: Shown, event: TranscriptEvent, look: Look): Told {
  const fresh = event.attempt !== before.attempt
  const shown = fresh ? { ...nothingShown, attempt: event.attempt } : before
  const told = event.type === 'error' ? tellError(shown, event, look) : tellBody(shown, event, look)
  if (!fresh || event.attempt === 1) return told
  return { ...told, lines: ['', look.style.bold(`attempt ${event.attempt}`), ...told.lines] }
}

function tellError(shown: Shown, event: Of<'error'>, { style, width }: Look): Told {
  const error = errorText(event)
  if (error === shown.error) return { shown, lines: [] }
  const told = note(shown, ...wrap(error, width).map(style.red))
  return { ...told, shown: { ...told.shown, error } }
}

function tellBody(shown: Shown, event: Exclude<TranscriptEvent, { type: 'error' }>, look: Look): Told {
  const { style } = look
  switch (event.type) {
    case 'text':
      return paragraph(shown, wrap(visible(event.text).trim(), look.width))
    case 'thinking':
      return paragraph(shown, thinking(event.text, look))
    case 'tool_start':
      return toolStart(shown, event, look)
    case 'tool_end':
      return toolEnd(shown, event, look)
    case 'plan':
      return paragraph(
        shown,
        event.items.map((item) => planLine(item, look)),
      )
    case 'request':
      return note(shown, ...asked(event, look))
    case 'retry':
      return note(shown, style.yellow(cut(retryText(event), look.width)))
    case 'notice':
      return note(
        shown,
        ...wrap(`note: ${oneLine(event.message)}`, look.width).map(
          event.level === 'warning' ? style.yellow : style.dim,
        ),
      )
    case 'raw':
      return raw(shown, event, look)
    case 'usage':
    case 'turn_end':
      return { shown, lines: [] }
  }
}

/** Text stands apart from tools: a blank line before it. */
function paragraph(shown: Shown, lines: readonly string[]): Told {
  if (lines.every((line) => line === '')) return { shown, lines: [] }
  return { shown: { ...shown, lastTool: null, spoke: true, error: null }, lines: ['', ...lines] }
}

function note(shown: Shown, ...lines: readonly string[]): Told {
  return { shown: { ...shown, lastTool: null, spoke: false, error: null }, lines }
}

function thinking(text: string, { style, width }: Look): readonly string[] {
  const lines = wrap(visible(text).trim(), width - 2)
  const kept = lines.slice(0, thinkingLines)
  const cutOff = lines.length > thinkingLines
  return kept.map((line, at) => style.dim(`  ${line}${cutOff && at === kept.length - 1 ? ' …' : ''}`))
}

type Of<T extends EventBody['type']> = Extract<EventBody, { type: T }>

function toolStart(shown: Shown, event: Of<'tool_start'>, { style, width }: Look): Told {
  const inside = event.parent === undefined ? '' : '  '
  const name = cut(oneLine(event.name), 24)
  const title = oneLine(event.title)
  const line = title === '' || title === name ? name : `${name}  ${title}`
  const text = cut(`${inside}> ${line}`, width)
  const painted = `${inside}${style.cyan('>')} ${style.bold(name)}${text.slice(inside.length + 2 + name.length)}`
  const lines = shown.spoke ? ['', painted] : [painted]
  return {
    shown: {
      ...shown,
      tools: new Map([...shown.tools, [event.id, text.trim()]]),
      lastTool: event.id,
      spoke: false,
      error: null,
    },
    lines,
  }
}

function toolEnd(shown: Shown, event: Of<'tool_end'>, { style, width }: Look): Told {
  const opened = shown.tools.get(event.id)
  const tools = new Map([...shown.tools].filter(([id]) => id !== event.id))
  const inside = event.parent === undefined ? '' : '  '
  const summary = cut(`${inside}  ${toolSummary(event)}`, width)
  const lines = [event.ok ? style.dim(summary) : style.red(summary)]
  // Others ran in between: say whose end this is.
  if (shown.lastTool !== event.id && opened !== undefined) lines.unshift(style.dim(cut(`${inside}${opened}`, width)))
  return { shown: { ...shown, tools, lastTool: null, spoke: false }, lines }
}

/** `ok`, `ok, 12 lines: first one`, `failed, exit 1: last line`. */
function toolSummary(event: Of<'tool_end'>): string {
  const lines = visible(event.output)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const exit = event.exitCode == null || event.exitCode === 0 ? '' : `, exit ${event.exitCode}`
  const much = lines.length > 1 ? `, ${plural(lines.length, 'line')}` : ''
  const said = event.ok ? lines[0] : lines.at(-1)
  return `${event.ok ? 'ok' : 'failed'}${exit}${much}${said === undefined ? '' : `: ${oneLine(said)}`}`
}

/** What is asked and how to answer it; or the rule that answered. */
function asked(event: Of<'request'>, { style, width }: Look): readonly string[] {
  const title = oneLine(event.title)
  if (event.rule !== undefined) return [style.dim(cut(`allowed by the rule ${oneLine(event.rule)}: ${title}`, width))]
  const id = oneLine(event.requestId)
  const how = event.kind === 'permission' ? '--allow (or --deny)' : '--text "…" (or --option ID)'
  return [
    ...wrap(`asks: ${title}`, width).map(style.yellow),
    ...wrap(`  capstan task answer ${id} ${how}`, width),
    ...wrap(`  the whole of it: capstan task requests ${id}`, width).map(style.dim),
  ]
}

const marks = { pending: '[ ]', in_progress: '[>]', completed: '[x]' } as const

function planLine(item: Of<'plan'>['items'][number], { style, width }: Look): string {
  const line = cut(`${marks[item.status]} ${oneLine(item.text)}`, width)
  return item.status === 'completed' ? style.dim(line) : line
}

function retryText(event: Of<'retry'>): string {
  const delay = event.delayMs === null ? ' again' : ` again in ${formatDuration(event.delayMs)}`
  const kind = event.class === null ? '' : ` (${event.class.replaceAll('_', ' ')})`
  const of = event.limit === undefined ? '' : ` of ${event.limit}`
  return `try ${event.tries}${of} failed,${delay}${kind}: ${oneLine(event.message)}`
}

function errorText(event: Of<'error'>): string {
  const kind = event.class === null ? '' : ` (${event.class.replaceAll('_', ' ')})`
  return `error${kind}: ${oneLine(event.message)}`
}

function raw(shown: Shown, event: Of<'raw'>, { style, width }: Look): Told {
  const line = visible(event.line).replaceAll('\n', ' ').trimEnd()
  if (line === '') return { shown, lines: [] }
  return note(shown, style.dim(cut(`  ${line}`, width)))
}

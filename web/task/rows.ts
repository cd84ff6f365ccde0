// A transcript as rows that a person reads: tools with their outcome, a program's lines as blocks. A reducer that takes events from either end.

import type { EventBody, TranscriptEvent } from '../../src/protocol/events.ts'
import { plainText } from '../parts/ansi.ts'
import { inputText } from './tool-input.ts'

type Of<T extends EventBody['type']> = Extract<EventBody, { type: T }>

interface Base {
  readonly key: string
  readonly attempt: number
  readonly seq: number
  readonly at: number
}

export type Row = Base &
  /** What a person asked: before everything that was done about it. */
  (
    | { readonly kind: 'prompt'; readonly text: string }
    | { readonly kind: 'attempt' }
    | { readonly kind: 'text' | 'thinking'; readonly text: string; readonly inside: boolean }
    | {
        readonly kind: 'tool'
        readonly start: Of<'tool_start'> | null
        readonly end: Of<'tool_end'> | null
        readonly endedAt: number | null
      }
    /** Lines that a program printed, one after the other. */
    | { readonly kind: 'lines'; readonly stream: 'stdout' | 'stderr'; readonly lines: readonly string[] }
    | { readonly kind: 'plan'; readonly items: Of<'plan'>['items'] }
    | { readonly kind: 'request'; readonly event: Of<'request'> }
    | { readonly kind: 'retry'; readonly event: Of<'retry'> }
    | { readonly kind: 'notice'; readonly message: string; readonly warning: boolean }
    | { readonly kind: 'error'; readonly event: Of<'error'> }
    | { readonly kind: 'other'; readonly event: TranscriptEvent }
  )

/** A block of lines longer than this is hard to scroll by and slow to paint. */
const blockLines = 40

export interface Reading {
  /** Attempts whose agent only prints: their text is output, not Markdown. */
  readonly plain: (attempt: number) => boolean
}

/** The rows of a run of events; `rows` of several runs are joined by `join`. */
export function rowsOf(events: readonly TranscriptEvent[], { plain }: Reading): Row[] {
  const rows: Row[] = []
  const open = new Map<string, number>()
  for (const event of events) {
    const last = rows.at(-1)
    if (last !== undefined && last.attempt !== event.attempt) open.clear()
    if (event.seq === 1) rows.push({ ...baseOf(event, 'a'), kind: 'attempt' })
    const line = lineOf(event, plain)
    if (line !== null) {
      addLine(rows, event, line)
      continue
    }
    if (event.type === 'tool_end') {
      const at = open.get(event.id)
      const start = at === undefined ? undefined : rows[at]
      if (at !== undefined && start?.kind === 'tool') {
        rows[at] = { ...start, end: event, endedAt: event.at }
        continue
      }
    }
    const row = rowOf(event)
    if (row === null) continue
    if (row.kind === 'tool' && row.start !== null) open.set(row.start.id, rows.length)
    rows.push(row)
  }
  return rows
}

/** Joins two runs that follow each other: blocks of lines grow together, tools meet their ends. Gives new rows; neither is changed. */
export function join(before: readonly Row[], after: readonly Row[]): Row[] {
  if (before.length === 0) return [...after]
  const waiting = new Map<string, { readonly at: number; readonly row: Row }>()
  for (let at = before.length - 1; at >= 0 && at > before.length - 2_000; at -= 1) {
    const row = before[at]
    if (row?.kind === 'tool' && row.end === null && row.start !== null)
      waiting.set(`${row.attempt} ${row.start.id}`, { at, row })
  }
  const joined = [...before]
  for (const row of after) {
    const met =
      row.kind === 'tool' && row.start === null && row.end !== null
        ? waiting.get(`${row.attempt} ${row.end.id}`)
        : undefined
    if (met?.row.kind === 'tool' && row.kind === 'tool')
      joined[met.at] = { ...met.row, end: row.end, endedAt: row.endedAt }
    else pushJoined(joined, row, row === after[0])
  }
  return joined
}

function pushJoined(joined: Row[], row: Row, seam: boolean): void {
  const last = joined.at(-1)
  const grows =
    seam && row.kind === 'lines' && last?.kind === 'lines' && last.attempt === row.attempt && last.stream === row.stream
  if (grows && last.lines.length + row.lines.length <= blockLines)
    joined[joined.length - 1] = { ...last, lines: [...last.lines, ...row.lines] }
  else joined.push(row)
}

function lineOf(event: TranscriptEvent, plain: Reading['plain']): { stream: 'stdout' | 'stderr'; text: string } | null {
  if (event.type === 'raw') return { stream: event.stream, text: event.line }
  if (event.type === 'text' && plain(event.attempt)) return { stream: 'stdout', text: event.text }
  return null
}

function addLine(rows: Row[], event: TranscriptEvent, line: { stream: 'stdout' | 'stderr'; text: string }): void {
  const last = rows.at(-1)
  const fits =
    last?.kind === 'lines' &&
    last.attempt === event.attempt &&
    last.stream === line.stream &&
    last.lines.length < blockLines
  if (fits) rows[rows.length - 1] = { ...last, lines: [...last.lines, line.text] }
  else rows.push({ ...baseOf(event, 'l'), kind: 'lines', stream: line.stream, lines: [line.text] })
}

function rowOf(event: TranscriptEvent): Row | null {
  const base = baseOf(event, '')
  switch (event.type) {
    case 'text':
    case 'thinking':
      return event.text.trim() === ''
        ? null
        : { ...base, kind: event.type, text: event.text, inside: event.parent !== undefined }
    case 'tool_start':
      return { ...base, kind: 'tool', start: event, end: null, endedAt: null }
    case 'tool_end':
      return { ...base, kind: 'tool', start: null, end: event, endedAt: event.at }
    case 'plan':
      return { ...base, kind: 'plan', items: event.items }
    case 'request':
      return { ...base, kind: 'request', event }
    case 'retry':
      return { ...base, kind: 'retry', event }
    case 'notice':
      return { ...base, kind: 'notice', message: event.message, warning: event.level === 'warning' }
    case 'error':
      return { ...base, kind: 'error', event }
    case 'usage':
    case 'turn_end':
      return null
    case 'raw':
      return null // taken as a line before
  }
  return { ...base, kind: 'other', event } // of a newer server: shown, never dropped
}

function baseOf({ attempt, seq, at }: TranscriptEvent, part: string): Base {
  return { key: `${attempt}.${seq}${part}`, attempt, seq, at }
}

/** What find looks through: what is shown, and what opens. */
export function textOf(row: Row): string {
  return plainText(sourceOf(row))
}

function sourceOf(row: Row): string {
  switch (row.kind) {
    case 'prompt':
    case 'text':
    case 'thinking':
      return row.text
    case 'attempt':
      return `attempt ${row.attempt}`
    case 'tool':
      return `${row.start?.name ?? ''} ${row.start?.title ?? ''} ${inputText(row.start?.input ?? '')} ${row.end?.output ?? ''}`
    case 'lines':
      return row.lines.join('\n')
    case 'plan':
      return row.items.map((item) => item.text).join('\n')
    case 'request':
      return row.event.title
    case 'retry':
    case 'error':
      return row.event.message
    case 'notice':
      return row.message
    case 'other':
      return JSON.stringify(row.event)
  }
}

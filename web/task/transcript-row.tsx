// One row of a transcript.

import { memo, useState } from 'react'
import { plainText } from '../parts/ansi.ts'
import { exactTime, span, words } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import { AgentText } from '../parts/markdown.tsx'
import { TerminalText } from '../parts/terminal-text.tsx'
import type { Row } from './rows.ts'

interface RowProps {
  readonly row: Row
  readonly found: boolean
  /** The attempt goes on: a tool without an end is at work. */
  readonly live: boolean
}

export const TranscriptRow = memo(function TranscriptRow({ row, found, live }: RowProps) {
  return (
    <div
      title={exactTime(row.at)}
      className={`mx-auto w-full max-w-4xl px-4 py-1 ${found ? 'rounded bg-needs-soft outline-2 outline-needs' : ''}`}
    >
      <Body row={row} live={live} />
    </div>
  )
})

function Body({ row, live }: { readonly row: Row; readonly live: boolean }) {
  switch (row.kind) {
    case 'attempt':
      return (
        <div className="flex items-center gap-3 py-1 text-xs text-faint">
          <span className="font-medium">Attempt {row.attempt}</span>
          <span className="h-px flex-1 bg-line" />
          <span>{exactTime(row.at)}</span>
        </div>
      )
    case 'text':
      return (
        <div className={row.inside ? 'border-l-2 border-line pl-3' : ''}>
          <AgentText text={row.text} />
        </div>
      )
    case 'thinking':
      return <Thought text={row.text} />
    case 'tool':
      return <Tool row={row} live={live} />
    case 'lines':
      return (
        <pre
          className={`font-mono text-xs leading-5 whitespace-pre-wrap [overflow-wrap:anywhere] ${row.stream === 'stderr' ? 'border-l-2 border-strong pl-2 text-muted' : ''}`}
        >
          <TerminalText text={row.lines.join('\n')} />
        </pre>
      )
    case 'plan':
      return <Plan items={row.items} />
    case 'request':
      return <Note tone="text-needs" text={`Asked: ${row.event.title}`} />
    case 'retry':
      return <Note tone="text-needs" text={retryText(row.event)} />
    case 'notice':
      return <Note tone={row.warning ? 'text-needs' : 'text-muted'} text={row.message} />
    case 'error':
      return (
        <Note
          tone="text-bad"
          text={`${row.event.class === null ? '' : `${words(row.event.class)}: `}${row.event.message}`}
        />
      )
    case 'other':
      return <pre className="font-mono text-xs whitespace-pre-wrap text-faint">{JSON.stringify(row.event)}</pre>
  }
}

function Note({ tone, text }: { readonly tone: string; readonly text: string }) {
  return (
    <p className={`flex items-start gap-2 [overflow-wrap:anywhere] ${tone}`}>
      <Icon name="alert" className="mt-0.5 size-3.5" />
      <span className="min-w-0">{plainText(text)}</span>
    </p>
  )
}

function retryText({ tries, delayMs, class: kind, message }: Extract<Row, { kind: 'retry' }>['event']): string {
  const wait = delayMs === null ? 'tries again' : `tries again in ${span(delayMs)}`
  return `Try ${tries} failed${kind === null ? '' : ` (${words(kind)})`}, ${wait}: ${message}`
}

/** Thoughts longer than this open on demand. */
const thoughtLines = 3

function Thought({ text }: { readonly text: string }) {
  const [open, setOpen] = useState(false)
  const long = text.length > 280 || text.split('\n').length > thoughtLines
  return (
    <div className="border-l-2 border-line pl-3 text-muted italic">
      <p className={`[overflow-wrap:anywhere] whitespace-pre-wrap ${open ? '' : 'line-clamp-3'}`}>{plainText(text)}</p>
      {long && (
        <button type="button" className="text-xs text-faint not-italic hover:text-text" onClick={() => setOpen(!open)}>
          {open ? 'Less' : 'More'}
        </button>
      )}
    </div>
  )
}

function Tool({ row, live }: { readonly row: Extract<Row, { kind: 'tool' }>; readonly live: boolean }) {
  const [open, setOpen] = useState(false)
  const { start, end, endedAt } = row
  const name = start?.name ?? 'tool'
  const title = start === null ? '' : plainText(start.title)
  const inside = (start?.parent ?? end?.parent) !== undefined
  return (
    <div className={`rounded-md border border-line ${inside ? 'ml-4' : ''}`}>
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex w-full items-center gap-2 px-2 py-1 text-left hover:bg-panel"
      >
        <ToolState end={end} live={live} />
        <span className="shrink-0 text-xs font-medium">{name}</span>
        <code className="min-w-0 flex-1 truncate font-mono text-xs text-muted">{title === name ? '' : title}</code>
        {endedAt !== null && endedAt - row.at > 1_000 && (
          <span className="shrink-0 text-xs text-faint tabular-nums">{span(endedAt - row.at)}</span>
        )}
        <Icon name={open ? 'down' : 'right'} className="size-3 text-faint" />
      </button>
      {open && <ToolBody row={row} />}
      {!open && end !== null && !end.ok && (
        <pre className="border-t border-line px-2 py-1 font-mono text-xs whitespace-pre-wrap text-bad line-clamp-3 [overflow-wrap:anywhere]">
          {plainText(end.output).trim().split('\n').slice(-3).join('\n') || 'failed'}
        </pre>
      )}
    </div>
  )
}

function ToolState({ end, live }: { readonly end: Extract<Row, { kind: 'tool' }>['end']; readonly live: boolean }) {
  if (end === null)
    return live ? (
      <span role="img" aria-label="At work" className="pulse m-1 size-2 shrink-0 rounded-full bg-busy" />
    ) : (
      <span role="img" aria-label="No end was seen" className="m-1 size-2 shrink-0 rounded-full bg-strong" />
    )
  return (
    <span role="img" aria-label={end.ok ? 'Done' : 'Failed'} className={end.ok ? 'text-good' : 'text-bad'}>
      <Icon name={end.ok ? 'check' : 'cross'} className="size-4" />
    </span>
  )
}

function ToolBody({ row: { start, end } }: { readonly row: Extract<Row, { kind: 'tool' }> }) {
  return (
    <div className="grid gap-px border-t border-line bg-line">
      {start !== null && (
        <pre className="max-h-72 overflow-auto bg-panel px-3 py-2 font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">
          {inputText(start.input)}
        </pre>
      )}
      {end !== null && end.output !== '' && (
        <pre className="max-h-96 overflow-auto bg-bg px-3 py-2 font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">
          <TerminalText text={end.output} />
        </pre>
      )}
      {end?.exitCode != null && end.exitCode !== 0 && (
        <p className="bg-bg px-3 py-1 text-xs text-bad">exit code {end.exitCode}</p>
      )}
    </div>
  )
}

/** An input of short fields reads better as lines than as JSON. */
function inputText(input: unknown): string {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return plainText(JSON.stringify(input, null, 2) ?? '')
  return Object.entries(input)
    .map(([key, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2)
      return plainText(text.includes('\n') ? `${key}:\n${text}` : `${key}: ${text}`)
    })
    .join('\n')
}

const marks = { pending: 'text-faint', in_progress: 'text-busy', completed: 'text-good' } as const

function Plan({ items }: { readonly items: Extract<Row, { kind: 'plan' }>['items'] }) {
  return (
    <ul className="grid gap-0.5 rounded-md border border-line px-3 py-2">
      {items.map((item, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a plan is shown whole each time
        <li key={i} className="flex items-start gap-2">
          <span role="img" aria-label={words(item.status)} className={`mt-0.5 ${marks[item.status]}`}>
            <Icon
              name={item.status === 'completed' ? 'check' : item.status === 'in_progress' ? 'right' : 'more'}
              className="size-3.5"
            />
          </span>
          <span className={item.status === 'completed' ? 'text-muted line-through' : ''}>{plainText(item.text)}</span>
        </li>
      ))}
    </ul>
  )
}

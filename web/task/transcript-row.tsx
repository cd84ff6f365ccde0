// One row of a transcript.

import { Link } from '@tanstack/react-router'
import { memo, useEffect, useState } from 'react'
import type { TaskView } from '../../src/protocol/task.ts'
import { exactText, plainText } from '../parts/ansi.ts'
import { exactTime, span, who, words } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import { AgentText } from '../parts/markdown.tsx'
import { TerminalText } from '../parts/terminal-text.tsx'
import { Prompt } from './prompt.tsx'
import type { Row } from './rows.ts'
import { Tool } from './tool-row.tsx'

interface RowProps {
  readonly row: Row
  readonly found: boolean
  /** The attempt goes on: a tool without an end is at work. */
  readonly live: boolean
  /** For rows that tell of the task itself; others are the same however the task changes. */
  readonly task: TaskView | null
}

export const TranscriptRow = memo(function TranscriptRow(props: RowProps) {
  const { row, found } = props
  return (
    <div
      title={exactTime(row.at)}
      className={`mx-auto w-full max-w-4xl px-4 py-1 ${found ? 'rounded outline-2 -outline-offset-2 outline-needs' : ''}`}
    >
      <Body {...props} />
    </div>
  )
})

function Body({ row, live, found, task }: RowProps) {
  switch (row.kind) {
    case 'prompt':
      return task === null ? null : <Asked task={task} />
    case 'attempt':
      return <AttemptLine n={row.attempt} at={row.at} task={task} />
    case 'text':
      return (
        <div className={row.inside ? 'border-l-2 border-line pl-3' : ''}>
          <AgentText text={row.text} />
        </div>
      )
    case 'thinking':
      return <Thought text={row.text} found={found} />
    case 'tool':
      return <Tool row={row} live={live} found={found} />
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
      return <Note tone="text-needs" text={requestText(row.event)} />
    case 'retry':
      return <Note tone="text-needs" text={retryText(row.event)} />
    case 'notice':
      return <Note tone={row.warning ? 'text-needs' : 'text-muted'} text={who(row.message)} />
    case 'error':
      return (
        <Note
          tone="text-bad"
          text={`${row.event.class === null ? '' : `${words(row.event.class)}: `}${row.event.message}`}
        />
      )
    case 'other':
      return (
        <pre className="font-mono text-xs whitespace-pre-wrap text-faint [overflow-wrap:anywhere]">
          {exactText(JSON.stringify(row.event))}
        </pre>
      )
  }
}

/** What a person asked, as the first words of the conversation. */
export function Asked({ task }: { readonly task: TaskView }) {
  const { continueFrom, createdBy } = task
  return (
    <div className="mb-1 rounded-md bg-panel px-3 py-2">
      <p className="pb-1 text-xs text-muted">
        <span className="font-medium">{who(createdBy)}</span>
        {continueFrom !== null && (
          <>
            {continueFrom.mode === 'fork' ? ', in a copy of ' : ', going on from '}
            <Link to="/tasks/$taskId" params={{ taskId: continueFrom.task }} className="text-accent underline">
              this task
            </Link>
          </>
        )}
      </p>
      <Prompt task={task} />
    </div>
  )
}

function AttemptLine({ n, at, task }: { readonly n: number; readonly at: number; readonly task: TaskView | null }) {
  const before = task?.attempts.find((each) => each.n === n - 1)
  const host = task?.attempts.find((each) => each.n === n)?.daemonName
  return (
    <div className="grid gap-1 py-1 text-xs text-faint">
      {before?.reason != null && (
        <p className="text-bad [overflow-wrap:anywhere]">
          Attempt {before.n} ended: {[words(before.reason), before.detail].filter((each) => each !== '').join(': ')}
        </p>
      )}
      <div className="flex items-center gap-3">
        <span className="font-medium">
          Attempt {n}
          {host !== undefined && <span className="font-normal"> on {host}</span>}
        </span>
        <span className="h-px flex-1 bg-line" />
        <span>{exactTime(at)}</span>
      </div>
    </div>
  )
}

function Note({ tone, text }: { readonly tone: string; readonly text: string }) {
  return (
    <p className={`flex items-start gap-2 [overflow-wrap:anywhere] ${tone}`}>
      <Icon name="alert" className="mt-0.5 size-3.5" />
      <span className="min-w-0 whitespace-pre-wrap">{plainText(text)}</span>
    </p>
  )
}

type Event<K extends 'request' | 'retry'> = Extract<Row, { kind: K }>['event']

function requestText({ kind, title, rule }: Event<'request'>): string {
  if (rule !== undefined) return `Approved by the rule ${rule}: ${title}`
  return kind === 'permission' ? `Asked for permission: ${title}` : `Asked: ${title}`
}

function retryText({ tries, limit, delayMs, class: kind, message }: Event<'retry'>): string {
  const wait = delayMs === null ? 'tries again' : `tries again in ${span(delayMs)}`
  const of = limit === undefined ? '' : ` of ${limit}`
  return `Try ${tries}${of} failed${kind === null ? '' : ` (${words(kind)})`}, ${wait}: ${message}`
}

/** Thoughts longer than this open on demand. */
const thoughtLines = 3

function Thought({ text, found }: { readonly text: string; readonly found: boolean }) {
  const [open, setOpen] = useState(false)
  useEffect(() => {
    if (found) setOpen(true)
  }, [found])
  const long = text.length > 280 || text.split('\n').length > thoughtLines
  return (
    <div className="border-l-2 border-line pl-3 text-muted italic">
      <p className={`[overflow-wrap:anywhere] whitespace-pre-wrap ${open ? '' : 'line-clamp-3'}`}>{plainText(text)}</p>
      {long && (
        <button
          type="button"
          aria-expanded={open}
          className="text-xs text-faint not-italic hover:text-text max-md:min-h-9"
          onClick={() => setOpen(!open)}
        >
          {open ? 'Less' : 'More'}
        </button>
      )}
    </div>
  )
}

const marks = { pending: 'text-faint', in_progress: 'text-busy', completed: 'text-good' } as const

function Plan({ items }: { readonly items: Extract<Row, { kind: 'plan' }>['items'] }) {
  return (
    <ul aria-label="Plan" className="grid gap-0.5 rounded-md border border-line px-3 py-2">
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

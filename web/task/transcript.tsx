// The transcript: what was asked and everything that came of it, as it happens.

import type { ReactNode } from 'react'
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import type { TranscriptEvent } from '../../src/protocol/events.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import { exactText } from '../parts/ansi.ts'
import { Button } from '../parts/button.tsx'
import { Empty } from '../parts/empty.tsx'
import { count, dollars, plural } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import { LongList, useLongRows } from '../parts/long-list.tsx'
import { useKeys } from '../shell/keys.tsx'
import { sumOf } from './cost.ts'
import { Find, useFind, useMarks } from './find.tsx'
import type { Row } from './rows.ts'
import { textOf } from './rows.ts'
import type { Stick } from './stick.ts'
import { useStick } from './stick.ts'
import { Asked, TranscriptRow } from './transcript-row.tsx'
import type { Spent } from './transcript-store.ts'
import { TranscriptStore } from './transcript-store.ts'

export function Transcript({ task }: { readonly task: TaskView }) {
  const store = useMemo(() => new TranscriptStore(task.id), [task.id])
  // biome-ignore lint/correctness/useExhaustiveDependencies: it starts once; later states of the task are learned below
  useEffect(() => store.start(task), [store])
  useEffect(() => store.learn(task), [store, task])
  const { rows, events, missing, ready, problem, spent } = useSyncExternalStore(store.watch, store.get)
  const [raw, setRaw] = useState(false)
  const live = task.attempts.at(-1)?.endedAt === null
  // While earlier events are still to come, what was asked stands before them.
  const { prompt, createdAt } = task
  const asked = useMemo(() => promptRow(prompt, createdAt), [prompt, createdAt])
  const whole = useMemo(() => (missing === 0 ? [asked, ...rows] : rows), [asked, missing, rows])
  if (ready && rows.length === 0) return <NothingYet task={task} />
  const bar = { missing, onRaw: setRaw, spent: live ? spent : null }
  return (
    <div className="relative flex min-h-0 flex-1 flex-col">
      {problem !== null && <p className="px-4 py-1 text-xs text-needs">{problem}</p>}
      {raw ? (
        <RawList events={events} bar={bar} />
      ) : (
        <ReadList rows={ready ? whole : rows} task={task} live={live} bar={bar} />
      )}
    </div>
  )
}

function promptRow(text: string, at: number): Row {
  return { kind: 'prompt', key: 'prompt', attempt: 0, seq: 0, at, text }
}

interface ListProps {
  readonly rows: readonly Row[]
  readonly task: TaskView
  readonly live: boolean
  readonly bar: Pick<BarProps, 'missing' | 'onRaw' | 'spent'>
}

const keyOf = (row: Row) => row.key

function ReadList({ rows, task, live, bar }: ListProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const long = useLongRows(scroller, { rows, keyOf, heightOf, beyond: 8, top: 8, bottom: 24 })
  const stick = useStick(long)
  const find = useFind({ rows, textOf, show: stick.show })
  useMarks(scroller, find)
  const lastAttempt = rows.at(-1)?.attempt
  return (
    <>
      <Bar {...bar} raw={false} find={<Find find={find} />} />
      <LongList of={long} role="log" label="Transcript">
        {(index) => {
          const row = rows[index]
          if (row === undefined) return null
          const tells = row.kind === 'prompt' || row.kind === 'attempt'
          return (
            <TranscriptRow
              row={row}
              found={find.current === index}
              live={live && row.attempt === lastAttempt}
              task={tells ? task : null}
            />
          )
        }}
      </LongList>
      <ToEnd stick={stick} />
    </>
  )
}

const rawText = (event: TranscriptEvent) => exactText(JSON.stringify(event))
const rawKey = ({ attempt, seq }: TranscriptEvent) => `${attempt}.${seq}`
const rawHeight = () => 40

function RawList({ events, bar }: { readonly events: readonly TranscriptEvent[]; readonly bar: ListProps['bar'] }) {
  const scroller = useRef<HTMLDivElement>(null)
  const rows = { rows: events, keyOf: rawKey, heightOf: rawHeight, beyond: 8, top: 0, bottom: 24 }
  const long = useLongRows(scroller, rows)
  const stick = useStick(long)
  const find = useFind({ rows: events, textOf: rawText, show: stick.show })
  useMarks(scroller, find)
  return (
    <>
      <Bar {...bar} raw find={<Find find={find} />} />
      <LongList of={long} role="log" label="Transcript, raw">
        {(index) => {
          const event = events[index]
          return (
            <pre className="border-b border-line px-4 py-1 font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">
              {event === undefined ? '' : rawText(event)}
            </pre>
          )
        }}
      </LongList>
      <ToEnd stick={stick} />
    </>
  )
}

function ToEnd({ stick: { atEnd, toEnd } }: { readonly stick: Stick }) {
  useKeys(Object.fromEntries([['G', toEnd]]))
  if (atEnd) return null
  return (
    <Button className="absolute right-6 bottom-4 shadow-pop" onClick={toEnd} title="Key G">
      <Icon name="down" />
      Jump to end
    </Button>
  )
}

interface BarProps {
  readonly missing: number
  readonly raw: boolean
  readonly onRaw: (on: boolean) => void
  /** By an agent at work; of one that has ended the top of the page tells. */
  readonly spent: Spent | null
  readonly find: ReactNode
}

function Bar({ missing, raw, onRaw, spent, find }: BarProps) {
  return (
    <div className="flex min-h-10 shrink-0 items-center gap-2 border-b border-line px-4 py-1 text-xs text-faint">
      {find}
      <span className="flex-1" />
      {missing > 0 && <span role="status">{plural(missing, 'earlier event')} to come</span>}
      {spent !== null && (
        <span className="whitespace-nowrap tabular-nums max-sm:hidden" title="What this attempt has used so far">
          {count(sumOf(spent.usage))} tokens
          {spent.costUsd !== null && `, ${spent.estimate ? 'about ' : ''}${dollars(spent.costUsd)}`}
        </span>
      )}
      <Button
        small
        weight={raw ? 'plain' : 'quiet'}
        aria-pressed={raw}
        onClick={() => onRaw(!raw)}
        title="The events themselves"
      >
        Raw
      </Button>
    </div>
  )
}

function heightOf(row: Row): number {
  switch (row.kind) {
    case 'prompt':
      return 60 + 22 * Math.min(6, Math.ceil(row.text.length / 100))
    case 'text':
      return 16 + 22 * Math.ceil(row.text.length / 100)
    case 'lines':
      return 8 + 20 * row.lines.length
    case 'thinking':
      return 70
    case 'plan':
      return 24 + 22 * row.items.length
    case 'tool':
      return 38
    case 'attempt':
    case 'request':
    case 'retry':
    case 'notice':
    case 'error':
    case 'other':
      return 32
  }
}

function NothingYet({ task }: { readonly task: TaskView }) {
  return (
    <div className="min-h-0 flex-1 overflow-y-auto">
      <div className="mx-auto w-full max-w-4xl px-4 py-3">
        <Asked task={task} />
      </div>
      <WhyNothing task={task} />
    </div>
  )
}

function WhyNothing({ task }: { readonly task: TaskView }) {
  if (task.endedAt !== null) return <Empty title="Nothing was said">{task.detail}</Empty>
  const last = task.attempts.at(-1)
  if (last === undefined || last.endedAt !== null)
    return (
      <Empty title="Not started yet">
        Above it says what it waits for. What its agent says is here from its first word on.
      </Empty>
    )
  return (
    <Empty title="The agent is being started">
      {last.state === 'preparing'
        ? `Its workspace is being prepared on ${last.daemonName}.`
        : 'It has said nothing yet.'}
    </Empty>
  )
}

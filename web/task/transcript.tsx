// The transcript: only the rows in sight are in the document, however long it is.

import { useVirtualizer } from '@tanstack/react-virtual'
import type { ReactNode, RefObject } from 'react'
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import type { TranscriptEvent } from '../../src/protocol/events.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import { Button } from '../parts/button.tsx'
import { Empty } from '../parts/empty.tsx'
import { localTimes, plural } from '../parts/figures.ts'
import { Icon } from '../parts/icon.tsx'
import { useNow } from '../parts/now.ts'
import { useKeys } from '../shell/keys.tsx'
import { Find, useFind } from './find.tsx'
import type { Row } from './rows.ts'
import type { Stick, List as Virtual } from './stick.ts'
import { useStick } from './stick.ts'
import { TranscriptRow } from './transcript-row.tsx'
import { TranscriptStore } from './transcript-store.ts'

export function Transcript({ task }: { readonly task: TaskView }) {
  const store = useMemo(() => new TranscriptStore(task.id), [task.id])
  // biome-ignore lint/correctness/useExhaustiveDependencies: it starts once; later states of the task are learned below
  useEffect(() => store.start(task), [store])
  useEffect(() => store.learn(task), [store, task])
  const { rows, events, missing, ready, problem } = useSyncExternalStore(store.watch, store.get)
  const [raw, setRaw] = useState(false)
  const live = task.attempts.at(-1)?.endedAt === null
  if (ready && rows.length === 0) return <NothingYet task={task} />
  return (
    <div className="relative flex min-h-0 flex-1 flex-col">
      {problem !== null && <p className="px-4 py-1 text-xs text-needs">{problem}</p>}
      {raw ? (
        <RawList events={events} missing={missing} onRaw={() => setRaw(false)} />
      ) : (
        <List rows={rows} live={live} missing={missing} onRaw={() => setRaw(true)} />
      )}
    </div>
  )
}

interface ListProps {
  readonly rows: readonly Row[]
  readonly live: boolean
  readonly missing: number
  readonly onRaw: () => void
}

function List({ rows, live, missing, onRaw }: ListProps) {
  const scroller = useRef<HTMLDivElement>(null)
  // The same functions while the rows are the same: the list measures itself anew for others.
  const keyOf = useCallback((i: number) => rows[i]?.key ?? i, [rows])
  const size = useCallback((i: number) => guess(rows[i]), [rows])
  const virtual = useList(scroller, { count: rows.length, keyOf, size })
  const stick = useStick(scroller, virtual, keyOf)
  const find = useFind(rows, stick.show)
  const lastAttempt = rows.at(-1)?.attempt
  return (
    <>
      <Bar missing={missing} onRaw={onRaw} raw={false} find={<Find find={find} />} />
      <Scroller scroller={scroller} height={virtual.getTotalSize()} stick={stick}>
        {virtual.getVirtualItems().map(({ key, index, start }) => {
          const row = rows[index]
          if (row === undefined) return null
          return (
            <div
              key={key}
              ref={virtual.measureElement}
              data-index={index}
              className="absolute inset-x-0 top-0"
              style={{ transform: `translateY(${start}px)` }}
            >
              <TranscriptRow row={row} found={find.current === row.key} live={live && row.attempt === lastAttempt} />
            </div>
          )
        })}
      </Scroller>
    </>
  )
}

interface RawProps {
  readonly events: readonly TranscriptEvent[]
  readonly missing: number
  readonly onRaw: () => void
}

function RawList({ events, missing, onRaw }: RawProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const keyOf = useCallback((i: number) => `${events[i]?.attempt}.${events[i]?.seq}`, [events])
  const virtual = useList(scroller, { count: events.length, keyOf, size: rawSize })
  const stick = useStick(scroller, virtual, keyOf)
  return (
    <>
      <Bar missing={missing} onRaw={onRaw} raw find={null} />
      <Scroller scroller={scroller} height={virtual.getTotalSize()} stick={stick}>
        {virtual.getVirtualItems().map(({ key, index, start }) => (
          <pre
            key={key}
            ref={virtual.measureElement}
            data-index={index}
            style={{ transform: `translateY(${start}px)` }}
            className="absolute inset-x-0 top-0 border-b border-line px-4 py-1 font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]"
          >
            {JSON.stringify(events[index])}
          </pre>
        ))}
      </Scroller>
    </>
  )
}

interface Rows {
  readonly count: number
  readonly keyOf: (i: number) => string | number
  readonly size: (i: number) => number
}

const rawSize = () => 40

function useList(scroller: RefObject<HTMLDivElement | null>, { count, keyOf, size }: Rows): Virtual {
  return useVirtualizer<HTMLDivElement, Element>({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: size,
    getItemKey: keyOf,
    overscan: 8,
    paddingStart: 8,
    paddingEnd: 24,
  })
}

interface ScrollerProps {
  readonly scroller: RefObject<HTMLDivElement | null>
  readonly height: number
  readonly stick: Stick
  readonly children: ReactNode
}

function Scroller({ scroller, height, stick: { atEnd, toEnd }, children }: ScrollerProps) {
  useKeys(Object.fromEntries([['G', toEnd]]))
  return (
    <>
      <div
        ref={scroller}
        tabIndex={0}
        role="log"
        aria-label="Transcript"
        aria-live="off"
        className="min-h-0 flex-1 overflow-y-auto overscroll-contain [overflow-anchor:none]"
      >
        <div className="relative w-full" style={{ height }}>
          {children}
        </div>
      </div>
      {!atEnd && (
        <Button className="absolute right-6 bottom-4 shadow-pop" onClick={toEnd}>
          <Icon name="down" />
          Jump to end
        </Button>
      )}
    </>
  )
}

interface BarProps {
  readonly missing: number
  readonly raw: boolean
  readonly onRaw: () => void
  readonly find: ReactNode
}

function Bar({ missing, raw, onRaw, find }: BarProps) {
  return (
    <div className="flex h-10 shrink-0 items-center gap-2 border-b border-line px-4 text-xs text-faint">
      {find}
      <span className="flex-1" />
      {missing > 0 && <span role="status">{plural(missing, 'earlier event')} to come</span>}
      <Button small weight="quiet" aria-pressed={raw} onClick={onRaw}>
        {raw ? 'Reading view' : 'Raw'}
      </Button>
    </div>
  )
}

/** A first guess at a row's height, so that the scrollbar is about right before rows are seen. */
function guess(row: Row | undefined): number {
  if (row === undefined) return 40
  switch (row.kind) {
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
  const now = useNow()
  if (task.endedAt !== null) return <Empty title="Nothing was said">{task.detail}</Empty>
  if (task.attempts.length === 0)
    return <Empty title="Not started yet">{localTimes(task.why ?? 'It waits.', now)}</Empty>
  return (
    <Empty title="The agent is being started">
      Its workspace is being prepared on {task.attempts.at(-1)?.daemonName}.
    </Empty>
  )
}

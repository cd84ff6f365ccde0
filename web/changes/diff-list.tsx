// The long list of changed lines, under the name of the file they are in.

import { useEffect, useRef } from 'react'
import type { LongRows } from '../parts/long-list.tsx'
import { LongList, useLongRows } from '../parts/long-list.tsx'
import { DiffRowView, Head } from './diff-row.tsx'
import type { Review } from './message.ts'
import type { PatchFile } from './patch.ts'
import type { Range } from './range.ts'
import type { ReviewStore } from './review.ts'
import type { DiffRow } from './rows.ts'

export interface DiffListProps {
  readonly rows: readonly DiffRow[]
  readonly review: Review
  readonly store: ReviewStore
  readonly range: Range
  /** Gets the function that shows a file. */
  readonly onGo: (go: (path: string) => void) => void
  /** The file that is read now. */
  readonly onSeen: (path: string) => void
  readonly onUnfold: (key: string) => void
  readonly onOpen: (file: PatchFile, unfold: boolean) => void
}

const lineHeight = 20
const heights: Readonly<Record<DiffRow['kind'], number>> = {
  head: 42,
  note: 36,
  picture: 300,
  hunk: 24,
  fold: 24,
  line: lineHeight,
  pair: lineHeight,
  comment: 110,
}
const heightOf = (row: DiffRow) => heights[row.kind]
const keyOf = (row: DiffRow) => row.key

export function DiffList({ rows, review, store, range, onGo, onSeen, onUnfold, onOpen }: DiffListProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const long = useLongRows(scroller, { rows, keyOf, heightOf, beyond: 20, top: 0, bottom: 48 })
  const { list } = long
  useEffect(() => {
    onGo((path) => {
      const at = rows.findIndex((row) => row.kind === 'head' && row.file.path === path)
      if (at !== -1) list.scrollToIndex(at, { align: 'start' })
    })
  })
  const head = headAt(rows, list.getVirtualItemForOffset(list.scrollOffset ?? 0)?.index ?? 0)
  const seen = head?.file.path
  useEffect(() => {
    if (seen !== undefined) onSeen(seen)
  }, [seen, onSeen])
  const pinned = usePushed(long, rows, head)
  const over = head !== null && (
    <div className="sticky top-0 z-10 h-0">
      <div ref={pinned}>
        <Head row={head} review={review} store={store} onOpen={onOpen} />
      </div>
    </div>
  )
  return (
    <LongList of={long} role="region" label="Changed lines" over={over}>
      {(index) => {
        const row = rows[index]
        if (row === undefined) return null
        const view = (
          <DiffRowView row={row} review={review} store={store} range={range} onUnfold={onUnfold} onOpen={onOpen} />
        )
        // The one that stays at the top lies over it: it is told and reached once.
        return row === head ? <div className="invisible">{view}</div> : view
      }}
    </LongList>
  )
}

/** The head at the top gives way to the next one that comes up. */
function usePushed({ scroller, list }: LongRows, rows: readonly DiffRow[], head: DiffRow | null) {
  const pinned = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const box = scroller.current
    if (box === null || head === null) return
    const at = rows.indexOf(head)
    const next = rows.findIndex((row, i) => i > at && row.kind === 'head')
    const push = () => {
      const start = next === -1 ? undefined : list.measurementsCache[next]?.start
      const room = start === undefined ? 0 : start - box.scrollTop - (pinned.current?.offsetHeight ?? 0)
      if (pinned.current !== null) pinned.current.style.transform = room < 0 ? `translateY(${room}px)` : ''
    }
    push()
    box.addEventListener('scroll', push, { passive: true })
    return () => box.removeEventListener('scroll', push)
  }, [scroller, list, rows, head])
  return pinned
}

/** The head of the file that a row belongs to. */
function headAt(rows: readonly DiffRow[], index: number): Extract<DiffRow, { kind: 'head' }> | null {
  for (let at = index; at >= 0; at -= 1) {
    const row = rows[at]
    if (row?.kind === 'head') return row
  }
  return null
}

// The long list of changed lines.

import { useVirtualizer } from '@tanstack/react-virtual'
import { useCallback, useEffect, useRef } from 'react'
import { DiffRowView } from './diff-row.tsx'
import type { PatchFile } from './patch.ts'
import type { Review, ReviewStore } from './review.ts'
import type { DiffRow } from './rows.ts'

export interface DiffListProps {
  readonly rows: readonly DiffRow[]
  readonly files: readonly PatchFile[]
  readonly review: Review
  readonly store: ReviewStore
  /** Gets the function that shows a file. */
  readonly onGo: (go: (path: string) => void) => void
  readonly onEdit: (key: string | null) => void
  readonly onOpen: (file: PatchFile, unfold: boolean) => void
}

const lineHeight = 20
const heights: Readonly<Record<DiffRow['kind'], number>> = {
  head: 44,
  note: 36,
  picture: 300,
  hunk: 28,
  line: lineHeight,
  pair: lineHeight,
  comment: 70,
  write: 120,
}

export function DiffList({ rows, review, store, onGo, onEdit, onOpen }: DiffListProps) {
  const scroller = useRef<HTMLElement>(null)
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    // The same functions while the rows are the same: the list measures itself anew for others.
    estimateSize: useCallback((i: number) => heights[rows[i]?.kind ?? 'line'], [rows]),
    getItemKey: useCallback((i: number) => rows[i]?.key ?? i, [rows]),
    overscan: 20,
    paddingEnd: 48,
  })
  useEffect(() => {
    onGo((path) => {
      const at = rows.findIndex((row) => row.kind === 'head' && row.file.path === path)
      if (at !== -1) virtual.scrollToIndex(at, { align: 'start' })
    })
  })
  return (
    <section
      ref={scroller}
      tabIndex={0}
      aria-label="Changed lines"
      className="min-h-0 min-w-0 flex-1 overflow-y-auto overscroll-contain"
    >
      <div className="relative w-full" style={{ height: virtual.getTotalSize() }}>
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
              <DiffRowView row={row} review={review} store={store} onEdit={onEdit} onOpen={onOpen} />
            </div>
          )
        })}
      </div>
    </section>
  )
}

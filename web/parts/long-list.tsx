// A long list: only the rows in sight are in the document, each as tall as it turns out to be.

import type { Virtualizer } from '@tanstack/react-virtual'
import { useVirtualizer } from '@tanstack/react-virtual'
import type { ReactNode, RefObject } from 'react'
import { useCallback } from 'react'

export type List = Virtualizer<HTMLDivElement, Element>

export interface Rows<Row> {
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  /** A first guess at a row's height, px, so that the scrollbar is about right before rows are seen. */
  readonly heightOf: (row: Row) => number
  /** How many rows beyond those in sight. */
  readonly beyond: number
  readonly top: number
  readonly bottom: number
}

export interface LongRows {
  readonly scroller: RefObject<HTMLDivElement | null>
  readonly list: List
  /** Names the rows as they are now. */
  readonly nameOf: (i: number) => string | number
}

/** `keyOf` and `heightOf` are functions of a module: for other functions the list measures itself anew. */
export function useLongRows<Row>(
  scroller: RefObject<HTMLDivElement | null>,
  { rows, keyOf, heightOf, beyond, top, bottom }: Rows<Row>,
): LongRows {
  const at = <T,>(i: number, of: (row: Row) => T, otherwise: T): T => {
    const row = rows[i]
    return row === undefined ? otherwise : of(row)
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: `at` reads the rows and nothing else
  const nameOf = useCallback((i: number) => at<string | number>(i, keyOf, i), [rows, keyOf])
  // biome-ignore lint/correctness/useExhaustiveDependencies: the same
  const estimateSize = useCallback((i: number) => at(i, heightOf, 40), [rows, heightOf])
  const list = useVirtualizer<HTMLDivElement, Element>({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize,
    getItemKey: nameOf,
    overscan: beyond,
    paddingStart: top,
    paddingEnd: bottom,
  })
  return { scroller, list, nameOf }
}

interface LongListProps {
  readonly of: LongRows
  readonly label: string
  readonly role: 'log' | 'region'
  /** Stays at the top while rows pass under it. */
  readonly over?: ReactNode
  readonly children: (index: number) => ReactNode
}

export function LongList({ of: { scroller, list }, label, role, over, children }: LongListProps) {
  const told = { role, 'aria-label': label, ...(role === 'log' ? { 'aria-live': 'off' as const } : {}) }
  return (
    <div
      ref={scroller}
      {...told}
      tabIndex={0}
      className="min-h-0 min-w-0 flex-1 overflow-y-auto overscroll-contain [overflow-anchor:none]"
    >
      {over}
      <div className="relative w-full" style={{ height: list.getTotalSize() }}>
        {list.getVirtualItems().map(({ key, index, start }) => (
          <div
            key={key}
            ref={list.measureElement}
            data-index={index}
            className="absolute inset-x-0 top-0"
            style={{ transform: `translateY(${start}px)` }}
          >
            {children(index)}
          </div>
        ))}
      </div>
    </div>
  )
}

// Where a reader of a growing list stays: at the end if they are there, else at the row they read, whatever comes before or after.

import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'
import type { List, LongRows } from '../parts/long-list.tsx'

interface Anchor {
  readonly key: string | number | bigint
  readonly index: number
  /** From the row's top to the top of what is seen. */
  readonly into: number
}

/** So near the end counts as there. */
const nearPx = 40
/** Browsers round what they are told. */
const slackPx = 4

const never = () => false

export interface Stick {
  readonly atEnd: boolean
  readonly toEnd: () => void
  /** Goes to a row, in the middle of what is seen. */
  readonly show: (index: number) => void
}

export function useStick({ scroller, list, nameOf }: LongRows): Stick {
  const stuck = useRef(true)
  const placed = useRef(0)
  const anchor = useRef<Anchor | null>(null)
  const count = useRef(0)
  const [atEnd, setAtEnd] = useState(true)
  const total = list.getTotalSize()
  // What the list does by itself when a row turns out taller would fight with what is done here.
  list.shouldAdjustScrollPositionOnItemSizeChange = never
  const toEnd = useCallback(() => {
    stuck.current = true
    setAtEnd(true)
    const box = scroller.current
    if (box === null) return
    box.scrollTop = box.scrollHeight
    placed.current = box.scrollTop
  }, [scroller])
  const show = useCallback(
    (index: number) => {
      const box = scroller.current
      const row = list.measurementsCache[index]
      if (box === null || row === undefined) return
      stuck.current = false
      const into = -Math.round(box.clientHeight / 3)
      anchor.current = { key: row.key, index, into }
      box.scrollTop = row.start + into
    },
    [scroller, list],
  )
  useEffect(() => {
    const box = scroller.current
    if (box === null) return
    const look = () => {
      if (box.scrollHeight - box.scrollTop - box.clientHeight < nearPx) stuck.current = true
      // Rows that turn out taller move the end away from a reader who did nothing; only going up leaves it.
      else if (box.scrollTop < placed.current - slackPx) stuck.current = false
      setAtEnd(stuck.current)
      const first = list.getVirtualItemForOffset(box.scrollTop)
      anchor.current =
        first === undefined ? null : { key: first.key, index: first.index, into: box.scrollTop - first.start }
    }
    box.addEventListener('scroll', look, { passive: true })
    return () => box.removeEventListener('scroll', look)
  }, [scroller, list])
  useLayoutEffect(() => {
    const box = scroller.current
    const grown = list.options.count - count.current
    count.current = list.options.count
    if (box === null) return
    if (stuck.current)
      box.scrollTop = total // beyond the end: the browser stops there
    else if (anchor.current !== null && grown > 0) stay(box, list, { anchor: anchor.current, grown, nameOf })
  }, [total, list, scroller, nameOf])
  return { atEnd, toEnd, show }
}

interface Staying {
  readonly anchor: Anchor
  readonly grown: number
  readonly nameOf: LongRows['nameOf']
}

/** Keeps the anchor's row where it was. Rows that came before moved it down by as many; rows that came after did not. */
function stay(box: HTMLElement, list: List, { anchor, grown, nameOf }: Staying): void {
  const around = [
    anchor.index,
    anchor.index + grown,
    ...Array.from({ length: 20 }, (_, i) => anchor.index + grown - 10 + i),
  ]
  const index = around.find((i) => i >= 0 && i < list.options.count && nameOf(i) === anchor.key)
  const start = index === undefined ? undefined : list.measurementsCache[index]?.start
  if (start !== undefined && Math.abs(box.scrollTop - start - anchor.into) > 1) box.scrollTop = start + anchor.into
}

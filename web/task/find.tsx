// Finding words in a long list: which rows have them, going from one to the next, and marking them where they stand.

import type { RefObject } from 'react'
import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react'
import { Button } from '../parts/button.tsx'
import { useKeys } from '../shell/keys.tsx'

export interface Finding {
  readonly text: string
  readonly setText: (text: string) => void
  readonly hits: readonly number[]
  readonly at: number
  readonly go: (step: number) => void
  /** The row that was gone to; -1: none. */
  readonly current: number
}

interface Sought<Row> {
  readonly rows: readonly Row[]
  /** A function of a module: for another one everything is looked through again. */
  readonly textOf: (row: Row) => string
  readonly show: (index: number) => void
}

export function useFind<Row>({ rows, textOf, show }: Sought<Row>): Finding {
  const [text, setText] = useState('')
  const [at, setAt] = useState(-1)
  // Typing is not held up by looking through a hundred thousand rows.
  const wanted = useDeferredValue(text.trim().toLowerCase())
  const hits = useMemo(() => hitsOf(rows, textOf, wanted), [rows, textOf, wanted])
  const go = (step: number) => {
    // Enter may come before the looking through: it is done at once then.
    const typed = text.trim().toLowerCase()
    const found = typed === wanted ? hits : hitsOf(rows, textOf, typed)
    if (found.length === 0) return
    const next = at === -1 && step < 0 ? found.length - 1 : (at + step + found.length) % found.length
    setAt(next)
    show(found[next] ?? 0)
  }
  const change = (next: string) => {
    setText(next)
    setAt(-1)
  }
  return { text, setText: change, hits, at, go, current: hits[at] ?? -1 }
}

function hitsOf<Row>(rows: readonly Row[], textOf: (row: Row) => string, wanted: string): number[] {
  return wanted === '' ? [] : rows.flatMap((row, i) => (textOf(row).toLowerCase().includes(wanted) ? [i] : []))
}

/** The name in style.css. */
const markName = 'found'

/** Marks the words wherever they are in the document, without touching it, and brings those of the row that was gone to into sight. */
export function useMarks(scroller: RefObject<HTMLElement | null>, { text, current }: Finding): void {
  const wanted = text.trim().toLowerCase()
  /** Not in sight yet. */
  const sought = useRef<number | null>(null)
  useEffect(() => {
    const box = scroller.current
    if (box === null || wanted === '' || !('highlights' in CSS)) return
    let frame = 0
    const mark = () => {
      const ranges = rangesOf(box, wanted)
      CSS.highlights.set(markName, new Highlight(...ranges))
      if (sought.current !== null && bringIntoSight(ranges, sought.current)) sought.current = null
    }
    const later = () => {
      cancelAnimationFrame(frame)
      frame = requestAnimationFrame(mark)
    }
    // Rows come and go while one scrolls, and texts take their form a moment later.
    const changes = new MutationObserver(later)
    changes.observe(box, { childList: true, subtree: true, characterData: true })
    mark()
    return () => {
      cancelAnimationFrame(frame)
      changes.disconnect()
      CSS.highlights.delete(markName)
    }
  }, [scroller, wanted])
  useEffect(() => {
    const box = scroller.current
    sought.current = current
    if (box !== null && bringIntoSight(rangesOf(box, wanted), current)) sought.current = null
  }, [scroller, wanted, current])
}

/** Within a row that scrolls by itself, such as a tool's output. True: it was found there. */
function bringIntoSight(ranges: readonly Range[], index: number): boolean {
  const range = ranges.find(({ startContainer: { parentElement } }) => {
    const row = parentElement?.closest<HTMLElement>('[data-index]')
    return row?.dataset.index === String(index)
  })
  const inner = range?.startContainer.parentElement?.closest('pre')
  if (range === undefined || inner == null) return range !== undefined
  const below = range.getBoundingClientRect().top - inner.getBoundingClientRect().top
  if (below < 0 || below > inner.clientHeight - lineHeight) inner.scrollTop += below - inner.clientHeight / 2
  return true
}

const lineHeight = 20

/** More marks in sight help nobody. */
const mostMarks = 500

function rangesOf(box: HTMLElement, wanted: string): Range[] {
  const ranges: Range[] = []
  const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node !== null && ranges.length < mostMarks; node = walker.nextNode()) {
    const raw = node.textContent ?? ''
    const low = raw.toLowerCase()
    // The small form of some letters is longer (İ): its places would be none of this node.
    const text = low.length === raw.length ? low : raw
    for (
      let at = text.indexOf(wanted);
      at !== -1 && ranges.length < mostMarks;
      at = text.indexOf(wanted, at + wanted.length)
    ) {
      const range = new Range()
      range.setStart(node, at)
      range.setEnd(node, at + wanted.length)
      ranges.push(range)
    }
  }
  return ranges
}

export function Find({ find }: { readonly find: Finding }) {
  useKeys({ '/': () => document.getElementById('transcript-find')?.focus() })
  return (
    <search className="flex min-w-0 items-center gap-1">
      <input
        id="transcript-find"
        type="search"
        aria-label="Find in the transcript"
        placeholder="Find"
        title="Key /; Enter goes to the next, ⇧ Enter to the one before"
        value={find.text}
        onChange={(event) => find.setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') find.go(event.shiftKey ? -1 : 1)
          if (event.key === 'Escape') find.setText('')
        }}
        className="h-7 w-36 min-w-0 rounded-md border border-line bg-raised px-2 text-xs hover:border-strong max-md:h-9 max-md:text-lg sm:w-52"
      />
      {find.text !== '' && (
        <>
          <span role="status" className="px-1 whitespace-nowrap tabular-nums">
            {find.hits.length === 0
              ? 'none'
              : find.at === -1
                ? find.hits.length
                : `${find.at + 1} of ${find.hits.length}`}
          </span>
          <Button small weight="quiet" aria-label="Previous" onClick={() => find.go(-1)}>
            ↑
          </Button>
          <Button small weight="quiet" aria-label="Next" onClick={() => find.go(1)}>
            ↓
          </Button>
        </>
      )}
    </search>
  )
}

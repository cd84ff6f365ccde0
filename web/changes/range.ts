// Choosing the lines of a comment: pressing one, pulling over several, or pressing another with Shift.

import { useEffect, useRef, useState } from 'react'
import type { Place } from './place.ts'
import { linesBetween } from './place.ts'
import type { ReviewStore } from './review.ts'

export interface Range {
  /** Whether a line is among those that are being chosen. */
  readonly holds: (place: Place) => boolean
  /** The pointer went down on a line's button. */
  readonly begin: (place: Place) => void
  /** The pointer is over a line. */
  readonly over: (place: Place) => void
  /** A line was chosen; with Shift: all from the one before. */
  readonly choose: (place: Place, all: boolean) => void
}

interface Pull {
  readonly from: Place
  readonly to: Place
}

export function useRange(store: ReviewStore, attempt: number): Range {
  const [pull, setPull] = useState<Pull | null>(null)
  const last = useRef<Place | null>(null)
  const write = (from: Place, to: Place) => {
    last.current = from
    const [first, end] = [Math.min(from.line, to.line), Math.max(from.line, to.line)]
    const { file, side } = from
    const code = linesBetween(file, side, first, end).map((each) => each.code)
    store.begin({ attempt, path: file.path, side, from: first, line: end, code: code.join('\n') })
  }
  const settle = useRef(() => {})
  settle.current = () => {
    if (pull !== null && pull.from.line !== pull.to.line) write(pull.from, pull.to)
    setPull(null)
  }
  const pulling = pull !== null
  useEffect(() => {
    if (!pulling) return
    const up = () => settle.current()
    addEventListener('pointerup', up)
    addEventListener('pointercancel', up)
    return () => {
      removeEventListener('pointerup', up)
      removeEventListener('pointercancel', up)
    }
  }, [pulling])
  return {
    holds: (place) => pull !== null && same(place, pull.from) && between(place.line, pull),
    begin: (place) => setPull({ from: place, to: place }),
    over: (place) => {
      if (pull !== null && same(place, pull.from) && place.line !== pull.to.line) setPull({ ...pull, to: place })
    },
    choose: (place, all) => {
      const from = all && last.current !== null && same(place, last.current) ? last.current : place
      write(from, place)
    },
  }
}

/** Of one side of one file. */
function same(a: Place, b: Place): boolean {
  return a.file.path === b.file.path && a.side === b.side
}

function between(line: number, { from, to }: Pull): boolean {
  return line >= Math.min(from.line, to.line) && line <= Math.max(from.line, to.line)
}

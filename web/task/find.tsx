// Finding words in a transcript.

import { useMemo, useState } from 'react'
import { Button } from '../parts/button.tsx'
import { useKeys } from '../shell/keys.tsx'
import type { Row } from './rows.ts'
import { textOf } from './rows.ts'

export interface Finding {
  readonly text: string
  readonly setText: (text: string) => void
  readonly hits: readonly number[]
  readonly at: number
  readonly go: (step: number) => void
  /** The key of the row that was gone to. */
  readonly current: string | null
}

export function useFind(rows: readonly Row[], show: (index: number) => void): Finding {
  const [text, setText] = useState('')
  const [at, setAt] = useState(-1)
  const hits = useMemo(() => {
    const wanted = text.trim().toLowerCase()
    if (wanted === '') return []
    return rows.flatMap((row, i) => (textOf(row).toLowerCase().includes(wanted) ? [i] : []))
  }, [rows, text])
  const go = (step: number) => {
    if (hits.length === 0) return
    const next = at === -1 && step < 0 ? hits.length - 1 : (at + step + hits.length) % hits.length
    setAt(next)
    show(hits[next] ?? 0)
  }
  const change = (next: string) => {
    setText(next)
    setAt(-1)
  }
  return { text, setText: change, hits, at, go, current: rows[hits[at] ?? -1]?.key ?? null }
}

export function Find({ find }: { readonly find: Finding }) {
  useKeys({ '/': () => document.getElementById('transcript-find')?.focus() })
  return (
    <search className="flex items-center gap-1">
      <input
        id="transcript-find"
        type="search"
        aria-label="Find in the transcript"
        placeholder="Find"
        value={find.text}
        onChange={(event) => find.setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') find.go(event.shiftKey ? -1 : 1)
          if (event.key === 'Escape') find.setText('')
        }}
        className="h-7 w-36 rounded-md border border-line bg-raised px-2 text-xs hover:border-strong sm:w-52"
      />
      {find.text !== '' && (
        <>
          <span role="status" className="px-1 tabular-nums">
            {find.hits.length === 0 ? 'none' : `${find.at + 1} of ${find.hits.length}`}
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

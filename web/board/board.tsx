// The board: what needs a person first, what is over last; columns on wide screens, a list on narrow ones.

import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import type { BoardColumn, Card } from '../../src/protocol/board.ts'
import { board } from '../data/queries.ts'
import { buttonClass } from '../parts/button.tsx'
import { Empty, Failed, Loading } from '../parts/empty.tsx'
import { useKeys } from '../shell/keys.tsx'
import { useTitle } from '../shell/title.ts'
import { Bulk } from './bulk.tsx'
import { Column } from './column.tsx'
import { asQuery, isNarrowed } from './filter.ts'
import { Filters } from './filters.tsx'
import { useSelection } from './selection.ts'

export function Board() {
  useTitle(null)
  const filter = useSearch({ from: '/' })
  const { data, error } = useQuery(board(asQuery(filter)))
  const selection = useSelection()
  const columns = data?.columns ?? []
  const total = columns.reduce((sum, column) => sum + column.count, 0)
  const current = useCursor(columns, selection.toggle)
  return (
    <>
      <h1 className="sr-only">Board</h1>
      <Filters filter={filter} total={total} />
      {error !== null && <Failed error={error} />}
      {data === undefined && error === null && <Loading what="the board" />}
      {data !== undefined && total === 0 && <Nothing narrowed={isNarrowed(filter)} />}
      {total > 0 && (
        <div className="flex min-h-0 flex-1 gap-1.5 overflow-auto px-3 pb-3 max-lg:flex-col max-lg:gap-0 max-lg:px-0">
          {columns.map((column) => (
            <Column key={column.group} column={column} filter={filter} current={current} selection={selection} />
          ))}
        </div>
      )}
      {selection.ids.size > 0 && <Bulk selection={selection} cards={columns.flatMap((column) => column.items)} />}
    </>
  )
}

/** `j` and `k` walk through the cards, Enter opens, `x` selects. */
function useCursor(columns: readonly BoardColumn[], toggle: (id: string) => void): string | null {
  const [id, setId] = useState<string | null>(null)
  const navigate = useNavigate()
  const cards: readonly Card[] = columns.flatMap((column) => column.items)
  const at = cards.findIndex((card) => card.id === id)
  const go = (step: number) => {
    const next = cards[at === -1 ? 0 : Math.min(cards.length - 1, Math.max(0, at + step))]
    if (next === undefined) return
    setId(next.id)
    document.getElementById(`card-${next.id}`)?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }
  const open = () => id !== null && void navigate({ to: '/tasks/$taskId', params: { taskId: id } })
  useKeys({
    j: () => go(1),
    k: () => go(-1),
    o: at === -1 ? undefined : open,
    Enter: at === -1 || document.activeElement?.matches('a, button, summary') ? undefined : open,
    x: id === null ? undefined : () => toggle(id),
    '/': () => document.getElementById('board-search')?.focus(),
  })
  return id
}

function Nothing({ narrowed }: { readonly narrowed: boolean }) {
  if (narrowed) return <Empty title="Nothing matches">Take a filter away, or look for other words.</Empty>
  return (
    <Empty title="No tasks yet">
      <p>
        A task is a prompt for a coding agent. It waits here until a host takes it, and comes back with a diff to
        review.
      </p>
      <Link to="/new" className={`${buttonClass('main')} mx-auto`}>
        Give the first task
      </Link>
      <p>
        or in a terminal: <code className="font-mono text-xs">capstan task add "fix the flaky test"</code>
      </p>
    </Empty>
  )
}

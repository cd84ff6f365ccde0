// The board: what needs a person first, what is over last; columns on wide screens, a list on narrow ones.

import { useQuery } from '@tanstack/react-query'
import { Link, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { board } from '../data/queries.ts'
import { buttonClass } from '../parts/button.tsx'
import { Empty, Failed, Loading } from '../parts/empty.tsx'
import { useKeys } from '../shell/keys.tsx'
import { useTitle } from '../shell/title.ts'
import { Bulk } from './bulk.tsx'
import { Column } from './column.tsx'
import { Columns } from './columns.tsx'
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
  const current = useCursor()
  return (
    <>
      <h1 className="sr-only">Board</h1>
      <Filters filter={filter} total={total} columns={columns} />
      {total > 0 && <Columns columns={columns} />}
      {error !== null && <Failed error={error} />}
      {data === undefined && error === null && <Loading what="the board" />}
      {data !== undefined && total === 0 && <Nothing narrowed={isNarrowed(filter)} />}
      {total > 0 && (
        <div className="relative flex min-h-0 flex-1 gap-1.5 overflow-auto px-3 pb-3 max-lg:flex-col max-lg:gap-0 max-lg:px-0">
          {columns.map((column) => (
            <Column key={column.group} column={column} filter={filter} current={current} selection={selection} />
          ))}
        </div>
      )}
      {selection.cards.size > 0 && <Bulk selection={selection} cards={columns.flatMap((column) => column.items)} />}
    </>
  )
}

/** `j` and `k` walk through the cards, `h` and `l` through the columns, Enter opens, `x` selects: all of what is on show. */
function useCursor(): string | null {
  const [id, setId] = useState<string | null>(null)
  const here = () => (id === null ? null : document.getElementById(`card-${id}`))
  const go = (next: Element | undefined) => {
    if (!(next instanceof HTMLElement)) return
    setId(next.dataset.card ?? null)
    next.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }
  const step = (by: number) => {
    const cards = [...document.querySelectorAll('[data-card]')]
    const own = here()
    const at = own === null ? -1 : cards.indexOf(own)
    go(cards[at === -1 ? 0 : at + by])
  }
  const stepColumn = (by: number) => {
    const columns = [...document.querySelectorAll('section:has([data-card])')]
    const at = columns.findIndex((column) => column.contains(here()))
    go(columns[at === -1 ? 0 : at + by]?.querySelector('[data-card]') ?? undefined)
  }
  // The link and the box themselves are pressed, so that what a key does is what is seen.
  const press = (what: string) => () => here()?.querySelector<HTMLElement>(what)?.click()
  useKeys({
    j: () => step(1),
    k: () => step(-1),
    l: () => stepColumn(1),
    h: () => stepColumn(-1),
    o: id === null ? undefined : press('a'),
    Enter: id === null ? undefined : press('a'),
    x: id === null ? undefined : press('input'),
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

// One column: its cards, and more of them on demand. An empty one takes no more room than its name.

import { useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { BoardColumn, Card } from '../../src/protocol/board.ts'
import { server } from '../data/server.ts'
import { looks } from '../parts/standing.tsx'
import type { Filter } from './filter.ts'
import { asQuery } from './filter.ts'
import type { Selection } from './selection.ts'
import { TaskCard } from './task-card.tsx'

interface ColumnProps {
  readonly column: BoardColumn
  readonly filter: Filter
  /** The card that the keyboard is at. */
  readonly current: string | null
  readonly selection: Selection
}

/** The server stops counting there. */
const countLimit = 1_000

export function Column({ column, filter, current, selection }: ColumnProps) {
  const { group, count, items, nextCursor } = column
  const { title, dot } = looks[group]
  const [more, setMore] = useState(false)
  const shown = count > countLimit ? `${countLimit}+` : String(count)
  if (count === 0)
    return (
      <section
        aria-label={`${title}: none`}
        className="flex shrink-0 items-center gap-2 rounded-md py-2 text-faint max-lg:hidden lg:w-8 lg:flex-col lg:py-3"
      >
        <span className={`size-2 rounded-full opacity-50 ${dot}`} />
        <h2 className="text-xs lg:[writing-mode:vertical-rl]">{title}</h2>
      </section>
    )
  return (
    <section
      aria-labelledby={`column-${group}`}
      className="flex flex-col lg:min-h-0 lg:min-w-44 lg:flex-1 lg:overflow-y-auto lg:rounded-lg lg:bg-panel"
    >
      <header className="sticky top-0 z-10 flex h-9 shrink-0 items-center gap-2 px-3 max-lg:border-y max-lg:border-line max-lg:bg-panel lg:bg-panel">
        <span className={`size-2 rounded-full ${dot}`} />
        <h2 id={`column-${group}`} className="text-xs font-semibold">
          {title}
        </h2>
        <span className="text-xs text-faint tabular-nums">{shown}</span>
      </header>
      <ul className="flex flex-col lg:gap-1.5 lg:px-1.5 lg:pb-2">
        {items.map((card) => (
          <TaskCard key={card.id} card={card} current={card.id === current} selection={selection} />
        ))}
        {more && nextCursor !== null && (
          <More column={column} filter={filter} current={current} selection={selection} />
        )}
      </ul>
      {nextCursor !== null && !more && (
        <button
          type="button"
          className="px-3 py-2 text-left text-xs text-accent hover:underline"
          onClick={() => setMore(true)}
        >
          Show more
        </button>
      )}
    </section>
  )
}

function More({ column: { group, nextCursor }, filter, current, selection }: ColumnProps) {
  const older = useInfiniteQuery({
    queryKey: ['board', 'more', group, nextCursor, filter],
    initialPageParam: nextCursor ?? '',
    queryFn: async ({ pageParam, signal }) => {
      const query = { ...asQuery(filter), group: [group], cursor: pageParam, limit: 50 }
      const [page] = (await server.call('getBoard', { query, signal })).columns
      return page
    },
    getNextPageParam: (page) => page?.nextCursor ?? undefined,
  })
  const cards: readonly Card[] = older.data?.pages.flatMap((page) => page?.items ?? []) ?? []
  return (
    <>
      {cards.map((card) => (
        <TaskCard key={card.id} card={card} current={card.id === current} selection={selection} />
      ))}
      {older.hasNextPage && (
        <li>
          <button
            type="button"
            className="px-3 py-2 text-left text-xs text-accent hover:underline"
            onClick={() => void older.fetchNextPage()}
          >
            Show more
          </button>
        </li>
      )}
    </>
  )
}

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
const morePage = 100

export function Column({ column, filter, current, selection }: ColumnProps) {
  const { group, count } = column
  const { title, dot } = looks[group]
  const { cards, hasMore, busy, showMore } = useCards(column, filter)
  if (count === 0) return <EmptyColumn title={title} dot={dot} />
  return (
    <section
      aria-labelledby={`column-${group}`}
      className="group/column relative flex flex-col lg:min-h-0 lg:min-w-44 lg:flex-1 lg:overflow-y-auto lg:rounded-lg lg:bg-panel"
    >
      <header className="sticky top-0 z-20 flex h-9 shrink-0 items-center gap-2 px-3 max-lg:border-y max-lg:border-line max-lg:bg-panel lg:bg-panel lg:pr-3.5">
        <span className={`size-2 rounded-full ${dot}`} />
        <h2 id={`column-${group}`} className="text-xs font-semibold">
          {title}
        </h2>
        <span className="text-xs text-faint tabular-nums">{countOf(column)}</span>
        <span className="flex-1" />
        <input
          type="checkbox"
          aria-label={`Select all ${cards.length} shown in ${title}`}
          title={`Select all ${cards.length} shown`}
          checked={cards.every(({ id }) => selection.cards.has(id))}
          onChange={() => selection.toggle(cards)}
          className={`size-4 accent-accent max-lg:size-5 ${selection.cards.size > 0 ? '' : 'opacity-0 group-hover/column:opacity-100 checked:opacity-100 focus:opacity-100 max-lg:opacity-60'}`}
        />
      </header>
      <ul className="flex flex-col lg:gap-1.5 lg:px-1.5 lg:pb-2">
        {cards.map((card) => (
          <TaskCard key={card.id} card={card} current={card.id === current} selection={selection} />
        ))}
      </ul>
      {hasMore && (
        <button
          type="button"
          disabled={busy}
          className="px-3 py-2 text-left text-xs text-accent hover:underline max-lg:py-3 lg:pt-0 lg:pb-3"
          onClick={showMore}
        >
          {busy ? 'Reading…' : 'Show more'}
        </button>
      )}
    </section>
  )
}

/** `12`, `1000+`. */
export function countOf({ count }: BoardColumn): string {
  return count > countLimit ? `${countLimit}+` : String(count)
}

function EmptyColumn({ title, dot }: { readonly title: string; readonly dot: string }) {
  return (
    <section
      aria-label={`${title}: none`}
      className="flex shrink-0 items-center gap-2 rounded-md py-2 text-faint max-lg:hidden lg:w-8 lg:flex-col lg:py-3"
    >
      <span className={`size-2 rounded-full opacity-50 ${dot}`} />
      <h2 className="text-xs lg:[writing-mode:vertical-rl]">{title}</h2>
    </section>
  )
}

/** The board's first cards; once more are wanted, the column by itself, page after page from its top, so that what moves leaves no hole. */
function useCards({ group, items, nextCursor }: BoardColumn, filter: Filter) {
  const [more, setMore] = useState(false)
  const whole = useInfiniteQuery({
    queryKey: ['board', 'column', group, filter],
    enabled: more,
    initialPageParam: '',
    queryFn: async ({ pageParam, signal }) => {
      const from = pageParam === '' ? {} : { cursor: pageParam }
      const query = { ...asQuery(filter), ...from, group: [group], limit: morePage }
      const [page] = (await server.call('getBoard', { query, signal })).columns
      return page
    },
    getNextPageParam: (page) => page?.nextCursor ?? undefined,
  })
  const read: readonly Card[] | undefined = more ? whole.data?.pages.flatMap((page) => page?.items ?? []) : undefined
  return {
    cards: group === 'needs_you' ? askingFirst(read ?? items) : (read ?? items),
    hasMore: read === undefined ? nextCursor !== null : whole.hasNextPage,
    busy: more && (whole.isPending || whole.isFetchingNextPage),
    showMore: () => (more ? void whole.fetchNextPage() : setMore(true)),
  }
}

/** Who is asked can end a wait now; who is silent may only be looked at. */
function askingFirst(cards: readonly Card[]): readonly Card[] {
  return [...cards.filter((card) => card.openRequests > 0), ...cards.filter((card) => card.openRequests === 0)]
}

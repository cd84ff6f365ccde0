// What agents do now, on whichever host, and how it went before.

import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Job } from '../../src/protocol/board.ts'
import { jobs } from '../data/queries.ts'
import { server } from '../data/server.ts'
import { plainText } from '../parts/ansi.ts'
import { Button } from '../parts/button.tsx'
import { count, dollars, words } from '../parts/figures.ts'
import { Ago, Lasted } from '../parts/time.tsx'
import { Card } from '../shell/view.tsx'

const page = 15

export function AtWork() {
  const active = useQuery(jobs('active')).data ?? []
  if (active.length === 0) return null
  return (
    <Card title="At work now" beside={<span className="text-xs text-faint tabular-nums">{active.length}</span>}>
      <Table rows={active} />
    </Card>
  )
}

export function Results() {
  const ended = useInfiniteQuery({
    queryKey: ['jobs', 'pages'],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) => {
      const from = pageParam === '' ? {} : { cursor: pageParam }
      return server.call('listJobs', { query: { state: 'ended', limit: page, ...from }, signal })
    },
    getNextPageParam: (last) => last.nextCursor,
  })
  const results = ended.data?.pages.flatMap((each) => each.items) ?? []
  return (
    <Card title="Latest results">
      {results.length === 0 ? (
        <p className="text-muted">
          What agents did is listed here, attempt by attempt: how it ended and how long it took.
        </p>
      ) : (
        <Table rows={results} />
      )}
      {ended.hasNextPage && (
        <Button
          small
          weight="quiet"
          disabled={ended.isFetchingNextPage}
          className="justify-self-start"
          onClick={() => void ended.fetchNextPage()}
        >
          Older
        </Button>
      )}
    </Card>
  )
}

function tone({ state }: Job): string {
  if (state === 'completed') return 'text-good'
  if (state === 'preparing' || state === 'running') return 'text-busy'
  return state === 'cancelled' ? 'text-muted' : 'text-bad'
}

function Table({ rows }: { readonly rows: readonly Job[] }) {
  return (
    <ul className="-mx-2 grid max-h-112 overflow-y-auto">
      {rows.map((row) => (
        <Row key={row.id} row={row} />
      ))}
    </ul>
  )
}

/** Columns where there is room; else a second line. */
function Row({ row }: { readonly row: Job }) {
  const outcome = words(row.reason ?? row.state)
  const used = usedBy(row)
  return (
    <li className="relative grid grid-cols-[minmax(0,1fr)_auto] items-baseline gap-x-3 rounded-md px-2 py-1.5 hover:bg-panel md:grid-cols-[minmax(0,1fr)_12rem_8rem_4rem_4rem_3.5rem]">
      <Link
        to="/tasks/$taskId"
        params={{ taskId: row.taskId }}
        search={{ attempt: row.n }}
        className="min-w-0 truncate after:absolute after:inset-0"
      >
        <bdi>{plainText(row.title)}</bdi>
        {row.n > 1 && <span className="text-xs text-faint"> attempt {row.n}</span>}
      </Link>
      <span className="truncate text-xs text-muted max-md:order-3">
        {row.daemonName}, {row.harness}
      </span>
      <span className={`truncate text-xs max-md:text-right ${tone(row)}`} title={outcome}>
        {outcome}
      </span>
      <span className="text-right text-xs text-muted tabular-nums max-md:hidden">{used}</span>
      <span className="text-right text-xs text-muted max-md:order-4">
        <Lasted from={row.startedAt} to={row.endedAt} />
      </span>
      <span className="text-right text-xs text-faint max-md:hidden">
        {row.endedAt !== null && <Ago at={row.endedAt} brief />}
      </span>
    </li>
  )
}

function usedBy({ costUsd, tokens }: Job): string {
  if (costUsd !== null) return dollars(costUsd)
  return tokens !== null && tokens > 0 ? count(tokens) : ''
}

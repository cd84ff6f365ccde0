// What hosts do now, and how it went before.

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Job } from '../../src/protocol/board.ts'
import { jobs } from '../data/queries.ts'
import { count, dollars, words } from '../parts/figures.ts'
import { Ago, Lasted } from '../parts/time.tsx'
import { Card } from '../shell/view.tsx'

export function Jobs() {
  const active = useQuery(jobs('active')).data ?? []
  const ended = useQuery(jobs('ended')).data ?? []
  return (
    <>
      <Card title="At work now" beside={<span className="text-xs text-faint tabular-nums">{active.length}</span>}>
        {active.length === 0 ? <p className="text-muted">No agent is at work.</p> : <Table rows={active} />}
      </Card>
      <Card title="Latest results">
        {ended.length === 0 ? (
          <p className="text-muted">What agents did is listed here, attempt by attempt.</p>
        ) : (
          <Table rows={ended} />
        )}
      </Card>
    </>
  )
}

function tone({ state }: Job): string {
  if (state === 'completed') return 'text-good'
  if (state === 'preparing' || state === 'running') return 'text-busy'
  return state === 'cancelled' ? 'text-muted' : 'text-bad'
}

function Table({ rows }: { readonly rows: readonly Job[] }) {
  return (
    <ul className="-mx-2 grid">
      {rows.map((row) => (
        <li
          key={row.id}
          className="relative grid grid-cols-[1fr_auto] items-baseline gap-x-3 rounded-md px-2 py-1.5 hover:bg-panel md:grid-cols-[minmax(0,1fr)_12rem_9rem_4rem_6rem]"
        >
          <Link
            to="/tasks/$taskId"
            params={{ taskId: row.taskId }}
            search={{ attempt: row.n }}
            className="min-w-0 truncate after:absolute after:inset-0"
          >
            {row.title}
            {row.n > 1 && <span className="text-xs text-faint"> attempt {row.n}</span>}
          </Link>
          <span className="truncate text-xs text-muted max-md:order-4 max-md:hidden">
            {row.daemonName}, {row.harness}
          </span>
          <span className={`truncate text-xs ${tone(row)}`} title={words(row.reason ?? row.state)}>
            {words(row.reason ?? row.state)}
          </span>
          <span className="text-right text-xs text-muted tabular-nums max-md:hidden">
            {row.costUsd !== null
              ? dollars(row.costUsd)
              : row.tokens !== null && row.tokens > 0
                ? count(row.tokens)
                : ''}
          </span>
          <span className="text-right text-xs text-faint max-md:hidden">
            {row.endedAt === null ? (
              <Lasted from={row.startedAt} to={null} />
            ) : (
              <>
                <Lasted from={row.startedAt} to={row.endedAt} />, <Ago at={row.endedAt} brief />
              </>
            )}
          </span>
        </li>
      ))}
    </ul>
  )
}

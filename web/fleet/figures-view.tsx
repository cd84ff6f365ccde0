// Figures over the last days: how long tasks wait, how they end, what they use.

import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Stats } from '../../src/protocol/board.ts'
import { stats } from '../data/queries.ts'
import { count, dollars, plural, span, words } from '../parts/figures.ts'
import { Card } from '../shell/view.tsx'
import { Bars } from './bars.tsx'

const choices = [1, 7, 30] as const

export function FiguresView() {
  const [days, setDays] = useState<number>(7)
  const { data } = useQuery(stats(days))
  return (
    <Card
      title="Figures"
      beside={
        <div role="radiogroup" aria-label="Time shown" className="flex gap-1">
          {choices.map((each) => (
            <label
              key={each}
              className={`flex h-7 cursor-pointer items-center rounded-md px-2 text-xs has-focus-visible:outline-2 has-focus-visible:outline-accent ${each === days ? 'bg-calm-soft font-medium' : 'text-muted'}`}
            >
              <input
                type="radio"
                name="days"
                className="sr-only"
                checked={each === days}
                onChange={() => setDays(each)}
              />
              {each === 1 ? '24 h' : `${each} days`}
            </label>
          ))}
        </div>
      }
    >
      {data === undefined && <p className="text-faint">Counting…</p>}
      {data !== undefined && (isEmpty(data) ? <Nothing /> : <Charts stats={data} />)}
    </Card>
  )
}

function isEmpty({ buckets, outcomes }: Stats): boolean {
  return outcomes.length === 0 && buckets.every((each) => each.waiting === 0 && each.started === 0)
}

function Nothing() {
  return (
    <p className="text-muted">
      In this time nothing waited, ran or ended. Shown here over time: how many tasks wait and how long until they
      start, how attempts end, tokens and cost.
    </p>
  )
}

function Charts({ stats: { buckets, bucketMs, outcomes } }: { readonly stats: Stats }) {
  const tokens = buckets.reduce((sum, each) => sum + each.tokens, 0)
  const cost = buckets.reduce((sum, each) => sum + each.costUsd, 0)
  const started = buckets.reduce((sum, each) => sum + each.started, 0)
  const times = buckets.map((each) => each.at)
  const all = { times, bucketMs }
  return (
    <div className="grid grid-cols-2 gap-x-4 gap-y-5 sm:gap-x-8 lg:grid-cols-3">
      <Bars
        {...all}
        title="Waiting for their first start"
        total={plural(buckets.at(-1)?.waiting ?? 0, 'task')}
        values={buckets.map((each) => each.waiting)}
        show={String}
        tone="bg-faint"
      />
      <Bars
        {...all}
        title="Started"
        total={String(started)}
        values={buckets.map((each) => each.started)}
        show={String}
        tone="bg-busy"
      />
      <Bars
        {...all}
        title="95 % start within"
        total={worst(buckets)}
        values={buckets.map((each) => each.startP95Ms ?? 0)}
        show={span}
        tone="bg-busy"
      />
      <Bars
        {...all}
        title="Tokens"
        total={count(tokens)}
        values={buckets.map((each) => each.tokens)}
        show={count}
        tone="bg-parked"
      />
      <Bars
        {...all}
        title="Cost"
        total={dollars(cost)}
        values={buckets.map((each) => each.costUsd)}
        show={dollars}
        tone="bg-parked"
      />
      <Outcomes outcomes={outcomes} />
    </div>
  )
}

function worst(buckets: Stats['buckets']): string {
  const all = buckets.flatMap((each) => (each.startP95Ms === null ? [] : [each.startP95Ms]))
  return all.length === 0 ? 'none' : `${span(Math.max(...all))} at worst`
}

function Outcomes({ outcomes }: Pick<Stats, 'outcomes'>) {
  const total = outcomes.reduce((sum, each) => sum + each.n, 0)
  return (
    <section aria-label="How attempts ended" className="grid content-start gap-1.5 max-sm:col-span-2">
      <h3 className="flex items-baseline gap-2 text-xs">
        <span className="flex-1 text-muted">How attempts ended</span>
        <span className="font-semibold tabular-nums">{total}</span>
      </h3>
      <ul className="grid gap-1">
        {outcomes.slice(0, 5).map(({ state, reason, n }) => (
          <li key={`${state} ${reason}`} className="grid grid-cols-[7rem_1fr_2.5rem] items-center gap-2 text-xs">
            <span className="truncate" title={words(reason ?? state)}>
              {words(reason ?? state)}
            </span>
            <span className="h-1.5 rounded-full bg-calm-soft">
              <span
                className={`block h-1.5 rounded-full ${state === 'completed' ? 'bg-good' : state === 'cancelled' ? 'bg-faint' : 'bg-bad'}`}
                style={{ width: `${(100 * n) / total}%` }}
              />
            </span>
            <span className="text-right text-muted tabular-nums">{n}</span>
          </li>
        ))}
        {total === 0 && <li className="text-xs text-faint">None ended in this time.</li>}
      </ul>
    </section>
  )
}

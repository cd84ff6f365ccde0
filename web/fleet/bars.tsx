// A small chart of bars over time; the value under the pointer is said in words.

import { useState } from 'react'

interface BarsProps {
  readonly title: string
  readonly total: string
  readonly times: readonly number[]
  readonly bucketMs: number
  readonly values: readonly number[]
  readonly show: (value: number) => string
  readonly tone: string
}

const day = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short' })
const hour = new Intl.DateTimeFormat(undefined, { weekday: 'short', hour: '2-digit', minute: '2-digit' })

export function Bars({ title, total, times, bucketMs, values, show, tone }: BarsProps) {
  const [at, setAt] = useState<number | null>(null)
  const most = Math.max(...values, 0)
  const format = bucketMs >= 86_400_000 ? day : hour
  const said = at === null ? total : `${show(values[at] ?? 0)}, ${format.format(times[at] ?? 0)}`
  return (
    <section aria-label={`${title}: ${total}`} className="grid content-start gap-1.5">
      <h3 className="flex items-baseline gap-x-2 text-xs max-sm:flex-col">
        <span className="min-w-0 flex-1 truncate text-muted max-sm:max-w-full">{title}</span>
        <span className="font-semibold whitespace-nowrap tabular-nums">{said}</span>
      </h3>
      <div
        aria-hidden="true"
        onMouseLeave={() => setAt(null)}
        className="flex h-16 items-end gap-px border-b border-line"
      >
        {values.map((value, i) => (
          <div key={times[i]} onMouseEnter={() => setAt(i)} className="flex h-full min-w-0 flex-1 items-end">
            <div
              className={`w-full rounded-t-xs ${value === 0 ? '' : tone} ${at === i ? 'opacity-60' : ''}`}
              style={{ height: most === 0 ? 0 : `${Math.max(value === 0 ? 0 : 4, (100 * value) / most)}%` }}
            />
          </div>
        ))}
      </div>
      <div className="flex justify-between text-xs text-faint">
        <span>{format.format(times[0] ?? 0)}</span>
        <span>now</span>
      </div>
    </section>
  )
}

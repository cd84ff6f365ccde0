// A time on the page: how long ago, and exactly when on hover.

import { briefSpan, exactTime, span } from './figures.ts'
import { useNow } from './now.ts'

export function Ago({ at, brief = false }: { readonly at: number; readonly brief?: boolean }) {
  const now = useNow()
  const text = brief ? briefSpan(now - at) : `${span(now - at)} ago`
  return (
    <time dateTime={new Date(at).toISOString()} title={exactTime(at)} className="tabular-nums whitespace-nowrap">
      {text}
    </time>
  )
}

/** How long something took, or takes until now. */
export function Lasted({ from, to }: { readonly from: number; readonly to: number | null }) {
  return to === null ? (
    <Running from={from} />
  ) : (
    <span className="tabular-nums whitespace-nowrap">{span(to - from)}</span>
  )
}

function Running({ from }: { readonly from: number }) {
  const now = useNow()
  return <span className="tabular-nums whitespace-nowrap">{span(now - from)}</span>
}

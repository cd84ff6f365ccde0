// The frame of a view that scrolls as a page: a title, what belongs beside it, the content.

import type { ReactNode } from 'react'
import { useTitle } from './title.ts'

interface ViewProps {
  readonly title: string
  readonly beside?: ReactNode
  readonly wide?: boolean
  readonly children: ReactNode
}

export function View({ title, beside, wide = false, children }: ViewProps) {
  useTitle(title)
  return (
    // Positioned: words for screen readers alone stay within it, else they would lengthen the document.
    <div className="relative min-h-0 flex-1 overflow-y-auto">
      <div className={`mx-auto grid grid-cols-[minmax(0,1fr)] gap-4 p-4 sm:p-6 ${wide ? 'max-w-6xl' : 'max-w-3xl'}`}>
        <div className="flex min-h-8 flex-wrap items-center gap-3">
          <h1 className="text-xl font-semibold">{title}</h1>
          <span className="flex-1" />
          {beside}
        </div>
        {children}
      </div>
    </div>
  )
}

export function Card({
  title,
  beside,
  children,
}: {
  readonly title: string
  readonly beside?: ReactNode
  readonly children: ReactNode
}) {
  return (
    <section
      aria-label={title}
      className="grid min-w-0 grid-cols-[minmax(0,1fr)] content-start gap-3 rounded-lg border border-line bg-raised p-4"
    >
      <div className="flex min-h-7 flex-wrap items-center gap-2">
        <h2 className="flex-1 text-base font-semibold">{title}</h2>
        {beside}
      </div>
      {children}
    </section>
  )
}

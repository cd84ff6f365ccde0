// On narrow screens the columns are one long list: how many stand where, and the way there.

import type { BoardColumn } from '../../src/protocol/board.ts'
import { looks } from '../parts/standing.tsx'
import { countOf } from './column.tsx'

export function Columns({ columns }: { readonly columns: readonly BoardColumn[] }) {
  return (
    <nav aria-label="Columns" className="flex shrink-0 gap-1.5 overflow-x-auto px-3 pb-2 lg:hidden">
      {columns
        .filter(({ count }) => count > 0)
        .map((column) => (
          <button
            key={column.group}
            type="button"
            onClick={() => document.getElementById(`column-${column.group}`)?.closest('section')?.scrollIntoView()}
            className={`inline-flex h-9 shrink-0 items-center gap-1.5 rounded-full px-3 text-xs font-medium ${looks[column.group].chip}`}
          >
            {looks[column.group].title}
            <span className="tabular-nums">{countOf(column)}</span>
          </button>
        ))}
    </nav>
  )
}

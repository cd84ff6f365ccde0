// Tables for a terminal: columns as wide as their content, one of them taking what is left.

import type { Style } from './style.ts'
import { columns, cut, pad } from './wrap.ts'

interface Cell {
  readonly text: string
  readonly paint?: (text: string) => string
}

export interface Table {
  readonly head: readonly string[]
  readonly rows: readonly (readonly (string | Cell)[])[]
  /** The column that is cut when the lines would be too wide. */
  readonly flexible: number
  /** Columns whose text stands at the right. */
  readonly right?: readonly number[]
}

const gap = 2

/** Lines of at most `width` columns, the head first. Cells must have no control characters. */
export function tableLines(table: Table, width: number, style: Style): readonly string[] {
  const rows = table.rows.map((row) => row.map(asCell))
  const widths = table.head.map((title, at) =>
    Math.max(columns(title), ...rows.map((row) => columns(row[at]?.text ?? ''))),
  )
  const fixed = widths.reduce((sum, each, at) => sum + (at === table.flexible ? 0 : each), gap * (widths.length - 1))
  const room = Math.max(8, width - fixed)
  widths[table.flexible] = Math.min(widths[table.flexible] ?? 0, room)
  const line = (cells: readonly Cell[]) => {
    const last = cells.length - 1
    return cells.map((cell, at) => layOut(cell, { width: widths[at] ?? 0, at, last, table })).join(' '.repeat(gap))
  }
  const head = table.head.map((text) => ({ text, paint: style.dim }))
  return [head, ...rows].map((cells) => line(cells).trimEnd())
}

function layOut(cell: Cell, place: { width: number; at: number; last: number; table: Table }): string {
  const text = cut(cell.text, place.width)
  const space = ' '.repeat(Math.max(0, place.width - columns(text)))
  const painted = cell.paint === undefined ? text : cell.paint(text)
  if (place.table.right?.includes(place.at)) return space + painted
  return place.at === place.last ? painted : painted + space
}

function asCell(cell: string | Cell): Cell {
  return typeof cell === 'string' ? { text: cell } : cell
}

/** `name   value` lines, the names in one dim column; values wrap under themselves is the caller's work. */
export function pairLines(pairs: readonly (readonly [string, string])[], style: Style): readonly string[] {
  const width = Math.max(...pairs.map(([name]) => columns(name)))
  return pairs.map(([name, value]) => `${style.dim(pad(name, width))}  ${value}`.trimEnd())
}

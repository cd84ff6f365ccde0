// Figures as text: a line each, with its ratio, its goal and whether it is met.

import type { Figure, Line, Value } from './figure.ts'
import { passes, ratioOf } from './figure.ts'

export function tableOf({ id, title }: Figure, lines: readonly Line[]): string {
  return [`${id}  ${title}`, ...lines.map((line) => `  ${rowOf(line)}`)].join('\n')
}

function rowOf(line: Line): string {
  if ('skipped' in line) return `skip   ${line.what}: ${line.skipped}`
  const { what, ours, against } = line
  const verdict = passes(line) ? 'pass ' : 'SHORT'
  return `${verdict}  ${ratioText(ratioOf(line)).padStart(7)} (goal ${goalText(line)})  ${what}: ${valueText(ours)} against ${valueText(against)}${line.note === undefined ? '' : `; ${line.note}`}`
}

export function goalText({ goal }: Extract<Line, { goal: unknown }>): string {
  return 'atLeast' in goal ? `≥ ${goal.atLeast}×` : `≤ ${goal.atMost}×`
}

export function ratioText(ratio: number): string {
  return `${round(ratio)}×`
}

export function valueText({ value, unit }: Value): string {
  return `${round(value)} ${unit}`
}

/** Three digits that say something. */
function round(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  if (value >= 1_000) return String(Math.round(value / 10) * 10)
  return String(Number(value.toPrecision(3)))
}

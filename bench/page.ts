// The results as a page: a table between two marks of docs/performance.md, and a plot of every ratio against its goal.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Figure, Measured } from './figure.ts'
import { passes, ratioOf } from './figure.ts'
import type { Result, Results } from './results.ts'
import { goalText, ratioText, valueText } from './table.ts'

const path = join(import.meta.dirname, '..', 'docs', 'performance.md')
const begin = '<!-- bench: what follows is written by npm run bench -->'
const end = '<!-- bench: end -->'

/** The page with its table renewed, and the plot beside it. */
export function renderPage(results: Results, figures: readonly Figure[]): { image: string; table: string } {
  const order = figures.map((figure) => figure.id)
  const sorted = results.figures.toSorted((a, b) => order.indexOf(a.id) - order.indexOf(b.id))
  const page = readFileSync(path, 'utf8')
  const [before] = page.split(begin)
  const after = page.split(end)[1] ?? ''
  return { image: plot(sorted), table: `${before}${begin}\n\n${tables(sorted, results)}\n${end}${after}` }
}

function tables(figures: readonly Result[], { machine }: Results): string {
  const loads = figures.map((each) => each.load)
  const head = `Measured with Node ${machine.node} on ${machine.platform}, ${machine.cores} cores shared with other work (load while measuring: ${Math.min(...loads)} to ${Math.max(...loads)}).\n`
  return [head, ...figures.map(section)].join('\n')
}

function section({ id, title, lines }: Result): string {
  const rows = lines.map((line) => {
    if ('skipped' in line) return `| ${line.what} | | | | skipped: ${cell(line.skipped)} |`
    const note = line.note === undefined ? '' : ` (${cell(line.note)})`
    const verdict = passes(line) ? 'pass' : '**short**'
    return `| ${line.what}${note} | ${valueText(line.ours)} | ${valueText(line.against)} | ${ratioText(ratioOf(line))} (goal ${goalText(line)}) | ${verdict} |`
  })
  return [`### ${id}: ${title}`, '', '| what | first | second | ratio | |', '|---|---|---|---|---|', ...rows, ''].join(
    '\n',
  )
}

function cell(text: string): string {
  return text.replaceAll('|', '/').replaceAll('\n', ' ').slice(0, 300)
}

const rowHeight = 22
const labelWidth = 470
const plotWidth = 360
const width = labelWidth + plotWidth + 90
/** The plot's ends: a quarter of the goal and sixteen times it, in powers of two. */
const [low, high] = [-2, 4]

/** One bar per line: how far it is from its goal, to the right is better; the upright line is the goal itself. */
function plot(figures: readonly Result[]): string {
  const measured = figures.flatMap(({ id, lines }) =>
    lines.flatMap((line) => ('skipped' in line ? [] : [{ id, line }])),
  )
  const height = measured.length * rowHeight + 56
  const goalX = x(0)
  const rows = measured.map(({ id, line }, i) => bar(id, line, 40 + i * rowHeight))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">
<title>Each figure against its goal</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="${goalX}" y="20" text-anchor="middle" fill="#444">goal</text>
<text x="${x(high)}" y="20" text-anchor="end" fill="#444">16 times better</text>
<line x1="${goalX}" y1="28" x2="${goalX}" y2="${height - 12}" stroke="#444"/>
${rows.join('\n')}
</svg>
`
}

function bar(id: string, line: Measured, y: number): string {
  const good = passes(line)
  const to = x(Math.min(high, Math.max(low, Math.log2(towardsGoal(line)))))
  const from = x(0)
  const label = `${id}  ${line.what}`.slice(0, 78)
  return `<text x="${labelWidth - 8}" y="${y + 11}" text-anchor="end" fill="#222">${escaped(label)}</text>
<rect x="${Math.min(from, to)}" y="${y}" width="${Math.max(2, Math.abs(to - from))}" height="${rowHeight - 8}" fill="${good ? '#2b7a4b' : '#b8432f'}"/>
<text x="${Math.max(from, to) + 5}" y="${y + 11}" fill="#222">${ratioText(ratioOf(line))}</text>`
}

/** How many times better than the goal; a goal of nothing is met or not. */
function towardsGoal(line: Measured): number {
  const ratio = ratioOf(line)
  if ('atLeast' in line.goal) return ratio / line.goal.atLeast
  if (line.goal.atMost === 0) return ratio === 0 ? 2 : 0.25
  return line.goal.atMost / ratio
}

function x(power: number): number {
  return Math.round(labelWidth + ((power - low) / (high - low)) * plotWidth)
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

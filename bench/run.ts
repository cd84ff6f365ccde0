// npm run bench: measures the figures of docs/performance.md and prints each as a ratio against a peer or a limit of the same run.
//
//   npm run bench                 all of them
//   npm run bench -- B4 B1        these
//   npm run bench -- --quick B4   a hundredth of the work, to see that it runs

import { writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { embedded } from './b1-embedded.ts'
import { floor } from './b2-floor.ts'
import { start } from './b3-start.ts'
import { depth } from './b4-depth.ts'
import { postgres } from './b5-postgres.ts'
import { transcripts } from './b6-transcripts.ts'
import { agents } from './b7-agents.ts'
import { workspaces } from './b8-workspaces.ts'
import { cold } from './b9-cold.ts'
import { realCli } from './b10-real-cli.ts'
import { crowd } from './b11-crowd.ts'
import { ends } from './b12-ends.ts'
import { Bench } from './bench.ts'
import type { Figure, Line } from './figure.ts'
import { renderPage } from './page.ts'
import { mergeResults, type Result, resultsPath } from './results.ts'
import { tableOf } from './table.ts'

const figures: readonly Figure[] = [
  embedded,
  floor,
  start,
  depth,
  postgres,
  transcripts,
  agents,
  workspaces,
  cold,
  realCli,
  crowd,
  ends,
]

const args = process.argv.slice(2)
const quick = args.includes('--quick')
const wanted = args.filter((each) => !each.startsWith('-')).map((each) => each.toUpperCase())
const unknown = wanted.filter((id) => figures.every((figure) => figure.id !== id))
if (unknown.length > 0) {
  console.error(`there is no figure ${unknown.join(', ')}; there are ${figures.map((figure) => figure.id).join(', ')}`)
  process.exit(64)
}

// What it started ends with it: each has a handler of `exit`.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
await using bench = new Bench(quick)
let failed = false
for (const figure of figures) {
  if (wanted.length > 0 && !wanted.includes(figure.id)) continue
  const lines = await measured(figure)
  console.log(tableOf(figure, lines))
  // Each figure is kept as soon as it is measured: a later one that fails takes none along.
  if (!quick)
    keep({
      id: figure.id,
      title: figure.title,
      at: new Date().toISOString(),
      load: Math.round(loadavg()[0] ?? 0),
      lines,
    })
}
process.exitCode = failed ? 1 : 0

async function measured(figure: Figure): Promise<readonly Line[]> {
  try {
    return await figure.run(bench)
  } catch (error) {
    failed = true
    console.error(error)
    return [{ what: figure.title, skipped: `it failed: ${error instanceof Error ? error.message : String(error)}` }]
  }
}

function keep(result: Result): void {
  const all = mergeResults(result, {
    node: process.version,
    cores: cpus().length,
    platform: `${process.platform}-${process.arch}`,
  })
  writeFileSync(resultsPath, `${JSON.stringify(all, null, 2)}\n`)
  const { image, table } = renderPage(all, figures)
  const docs = join(import.meta.dirname, '..', 'docs')
  writeFileSync(join(docs, 'images', 'performance.svg'), image)
  writeFileSync(join(docs, 'performance.md'), table)
}

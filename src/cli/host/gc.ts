// capstan gc: cleans up what runs left on this host, or says what it would.

import { join } from 'node:path'
import { cleanUp } from '../../daemon/gc/clean-up.ts'
import type { GcItem, GcReport } from '../../daemon/gc/report.ts'
import { readRetention } from '../../daemon/gc/retention.ts'
import type { Context } from '../context.ts'
import { dataDirOf } from '../data-dir.ts'
import { bytes } from '../render/figures.ts'
import { tableLines } from '../render/table.ts'
import { oneLine } from '../render/visible.ts'
import { wrap } from '../render/wrap.ts'
import type { Given } from '../spec.ts'
import type { gcOptions } from './gc-options.ts'

export async function runGc({ options, json }: Given<typeof gcOptions>, context: Context): Promise<number> {
  const { clock, signal, terminal } = context
  const report = await cleanUp({
    dataDir: dataDirOf(context, options.data),
    retention: readRetention(join(context.home, 'daemon.toml')),
    dryRun: options.dryRun ?? false,
    olderThanMs: options.olderThan ?? null,
    clock,
    signal,
  })
  if (json) terminal.json(report)
  else terminal.out(...reportLines(report, context))
  return 0
}

function reportLines(report: GcReport, context: Context): string[] {
  const { removed, recycled, kept, waiting, needed, dryRun } = report
  const verb = dryRun ? 'would be removed' : 'removed'
  const lines = [...items(removed, context)]
  if (removed.length > 0) lines.push('')
  lines.push(`${count(removed.length, 'thing')} ${verb}, ${bytes(report.bytes)}`)
  const ready = dryRun ? 'would be made ready' : 'made ready'
  if (recycled.length > 0) lines.push(`${count(recycled.length, 'worktree')} ${ready} for the next run`)
  if (waiting > 0) lines.push(`${count(waiting, 'finished run')} not old enough; --older-than 0 takes them too`)
  if (needed > 0) lines.push(`${count(needed, 'run')} still needed`)
  if (kept.length > 0) lines.push('', `${count(kept.length, 'thing')} kept:`)
  const { width } = context.terminal
  for (const item of kept) lines.push(...wrap(oneLine(`${item.path}: ${item.why}`), width))
  return lines
}

function items(list: readonly GcItem[], { terminal }: Context): readonly string[] {
  if (list.length === 0) return []
  const rows = list.map(({ kind, path, bytes: size, why }) => [
    kind,
    size === 0 ? '' : bytes(size),
    oneLine(why),
    oneLine(path),
  ])
  const table = { head: ['WHAT', 'SIZE', 'WHY', 'WHERE'], rows, flexible: 3, right: [1] }
  return tableLines(table, terminal.width, terminal.style)
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}

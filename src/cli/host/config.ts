// capstan daemon config: effective settings and where each came from.

import { formatDuration } from '../../lib/duration.ts'
import type { Context } from '../context.ts'
import { defaultInWords, resolveDaemonOptions } from '../daemon-options.ts'
import { tableLines } from '../render/table.ts'
import { oneLine } from '../render/visible.ts'
import type { Given } from '../spec.ts'
import { type daemonOptions, settingsOfDaemon } from './options.ts'

export async function showConfig(given: Given<typeof daemonOptions>, context: Context): Promise<number> {
  const { terminal } = context
  const { values, from } = resolveDaemonOptions(given.options, context)
  const all = settingsOfDaemon.map(({ name, kind }) => ({
    name,
    kind,
    value: values[name] ?? null,
    from: from[name] ?? 'default',
  }))
  if (given.json) {
    // A default may be decided only at the start: its words are for people, so they stand beside the value.
    const inJson = ({ name, value, from }: (typeof all)[number]) =>
      value === null ? { value, from, default: defaultInWords(name) } : { value, from }
    terminal.json(Object.fromEntries(all.map((each) => [each.name, inJson(each)])))
    return 0
  }
  const rows = all.map(({ name, kind, value, from }) => [
    name,
    value === null ? defaultInWords(name) : kind === 'duration' ? formatDuration(Number(value)) : inWords(value),
    oneLine(from),
  ])
  terminal.out(...tableLines({ head: ['SETTING', 'VALUE', 'FROM'], rows, flexible: 1 }, terminal.width, terminal.style))
  return 0
}

function inWords(value: unknown): string {
  if (Array.isArray(value)) return oneLine(value.join(', '))
  if (typeof value !== 'object' || value === null) return oneLine(String(value))
  return oneLine(
    Object.entries(value)
      .map(([key, each]) => `${key}=${each}`)
      .join(', '),
  )
}

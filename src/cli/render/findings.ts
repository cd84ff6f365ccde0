// What doctor found: one line each, and under it the remedy.

import type { Look } from './outcome.ts'
import { oneLine } from './visible.ts'
import { columns, pad, wrap } from './wrap.ts'

export interface Finding {
  readonly what: string
  readonly state: 'ok' | 'warn' | 'fail' | 'info'
  readonly detail: string
  /** What to do; null when there is nothing to do. */
  readonly remedy: string | null
}

export function findingLines(findings: readonly Finding[], { style, width }: Look): readonly string[] {
  const paint = { ok: style.green, warn: style.yellow, fail: style.red, info: style.dim }
  const names = Math.max(...findings.map(({ what }) => columns(what)))
  const before = 4 + 2 + names + 2
  return findings.flatMap(({ what, state, detail, remedy }) => {
    const [first = '', ...rest] = wrap(oneLine(detail), width - before)
    const more = remedy === null ? [] : wrap(`remedy: ${oneLine(remedy)}`, width - before)
    const space = ' '.repeat(before)
    return [
      `${paint[state](pad(state, 4))}  ${pad(what, names)}  ${first}`.trimEnd(),
      ...[...rest, ...more].map((line) => space + line),
    ]
  })
}

// capstan team audit: who changed what, the latest first.

import type { AuditLine } from '../../protocol/audit.ts'
import { limits } from '../../protocol/names.ts'
import type { QueryIn } from '../../protocol/operations.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { relative } from '../render/figures.ts'
import { tableLines } from '../render/table.ts'
import { oneLine } from '../render/visible.ts'
import { wrap } from '../render/wrap.ts'
import type { Given } from '../spec.ts'
import type { auditOptions } from './options.ts'

const defaultLines = 50

export async function showAudit({ options }: Given<typeof auditOptions>, context: Context): Promise<number> {
  const { terminal, json, clock, signal } = context
  const client = await connect(context)
  const wanted = options.limit ?? defaultLines
  const lines: AuditLine[] = []
  for (let cursor: string | null | undefined; cursor !== null && lines.length < wanted; ) {
    const limit = Math.min(wanted - lines.length, limits.pageSize)
    const query = { ...narrowed(options), limit, ...(cursor === undefined ? {} : { cursor }) }
    const page = await client.call('listAudit', { query, signal })
    lines.push(...page.items)
    cursor = page.nextCursor
  }
  if (json) terminal.json(lines)
  else if (lines.length === 0) terminal.out('nothing was changed yet')
  else {
    const now = clock.now()
    const rows = lines.map(({ at, actor, operation, target }) => [
      relative(at, now),
      oneLine(actor),
      oneLine(operation),
      oneLine(target ?? ''),
    ])
    const table = { head: ['WHEN', 'WHO', 'WHAT', 'ON'], rows, flexible: 3 }
    const [head = '', ...shown] = tableLines(table, terminal.width, terminal.style)
    const more = lines.map((line) => wordsOf(line).flatMap((words) => wrap(`  ${words}`, terminal.width)))
    terminal.out(head, ...shown.flatMap((row, at) => [row, ...(more[at] ?? [])]))
  }
  return 0
}

type Only = Given<typeof auditOptions>['options']

/** A task's own log comes with it: whoever asks for one task wants to know what happened to it. */
function narrowed({ actor, operation, target, tasks }: Only): QueryIn<'listAudit'> {
  return {
    ...(actor === undefined ? {} : { actor }),
    ...(operation === undefined ? {} : { operation }),
    ...(target === undefined ? {} : { target }),
    ...(tasks === true || target?.startsWith('task_') === true ? { with: 'tasks' as const } : {}),
  }
}

/** What was asked for, and from where. */
function wordsOf({ detail, address, unfinished }: AuditLine): string[] {
  const said = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
  const parts = [
    ...Object.entries(detail ?? {}).map(([key, value]) => `${key}=${said(value)}`),
    ...(address === null ? [] : [`from ${address}`]),
    ...(unfinished === true ? ['the server ended before it knew whether this was done'] : []),
  ]
  return parts.length === 0 ? [] : [oneLine(parts.join(', '))]
}

// capstan team audit: who changed what, the latest first.

import { Problem } from '../../core/problem.ts'
import { formatDuration } from '../../lib/duration.ts'
import { nearest } from '../../lib/suggest.ts'
import type { AuditLine } from '../../protocol/audit.ts'
import { limits } from '../../protocol/names.ts'
import type { QueryIn } from '../../protocol/operations.ts'
import { operations } from '../../protocol/operations.ts'
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
  if (options.target === undefined) requireOperation(options.operation) // a task's own log has other names
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
  else if (lines.length === 0) terminal.out(isNarrowed(options) ? 'nothing matches' : 'nothing was changed yet')
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

function isNarrowed({ actor, operation, target }: Only): boolean {
  return (actor ?? operation ?? target) !== undefined
}

/** A mistyped name would look like nothing having happened. */
function requireOperation(name: string | undefined): void {
  const names = Object.keys(operations)
  if (name === undefined || names.includes(name)) return
  const meant = nearest(name, names)
  const remedy = meant === null ? 'the names are those of the REST API' : `did you mean ${meant}?`
  throw new Problem('usage', `there is no operation ${JSON.stringify(name)}; ${remedy}`)
}

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
  const parts = [
    ...Object.entries(detail ?? {}).map(([key, value]) => `${key}=${said(key, value)}`),
    ...(address === null ? [] : [`from ${address}`]),
    ...(unfinished === true ? ['the server ended before it knew whether this was done'] : []),
  ]
  return parts.length === 0 ? [] : [oneLine(parts.join(', '))]
}

/** Times in words of people; as ISO, like any other time that is written down. */
function said(key: string, value: unknown): string {
  if (typeof value === 'number' && /[a-z]At$/.test(key)) return new Date(value).toISOString()
  if (typeof value === 'number' && /[a-z]Ms$/.test(key)) return formatDuration(value)
  return typeof value === 'string' ? value : JSON.stringify(value)
}

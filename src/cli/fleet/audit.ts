// capstan team audit: who changed what, the latest first.

import type { AuditLine } from '../../protocol/audit.ts'
import { limits } from '../../protocol/names.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { relative } from '../render/figures.ts'
import { tableLines } from '../render/table.ts'
import { oneLine } from '../render/visible.ts'
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
    const query = { limit, ...(cursor === undefined ? {} : { cursor }) }
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
      operation,
      oneLine(target ?? ''),
    ])
    const table = { head: ['WHEN', 'WHO', 'WHAT', 'ON'], rows, flexible: 3 }
    terminal.out(...tableLines(table, terminal.width, terminal.style))
  }
  return 0
}

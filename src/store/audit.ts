// The audit log: one line for each call of a person or program that changed something. Append-only.

import type { AuditLine } from '../protocol/audit.ts'
import type { Tx, Work } from './port.ts'
import { all, change } from './query.ts'

export type NewAuditLine = Omit<AuditLine, 'seq' | 'at'>

export function* addAuditLine(tx: Tx, teamId: string, line: NewAuditLine): Work<void> {
  yield* change(
    tx.db
      .insertInto('audit')
      .values({ team_id: teamId, at: tx.now, ...line })
      .compile(),
  )
}

/** Newest first, before a seq. */
export function* auditLines(
  tx: Tx,
  teamId: string,
  { before, limit }: { readonly before: number | null; readonly limit: number },
): Work<AuditLine[]> {
  const query = tx.db
    .selectFrom('audit')
    .select(['seq', 'at', 'actor', 'operation', 'target'])
    .where('team_id', '=', teamId)
  const older = before === null ? query : query.where('seq', '<', before)
  return yield* all(older.orderBy('seq', 'desc').limit(limit).compile())
}

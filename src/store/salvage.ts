// Salvage: late work of an owner that lost its attempt. Kept aside and shown; never part of transcript or result.

import { sql } from 'kysely'
import type { Refusal } from '../core/command.ts'
import { cidOfJson } from '../lib/cid.ts'
import type { NumberedEvent } from '../protocol/events.ts'
import type { Evidence } from '../protocol/task.ts'
import type { Claimant } from './owners.ts'
import { attemptRow, granted, leaseLost } from './owners.ts'
import type { Tx, Work } from './port.ts'
import { all, change, changeBy, parseJson } from './query.ts'

export interface NewSalvage extends Claimant {
  readonly kind: 'events' | 'checkpoint' | 'result'
  readonly detail: string
  readonly evidence: Evidence | null
  readonly events: readonly NumberedEvent[]
}

export interface SalvageView {
  readonly at: number
  readonly kind: string
  readonly detail: string
  readonly evidence: Evidence | null
  readonly events: readonly NumberedEvent[]
}

/** Stores it once: the same salvage sent again changes nothing. Refused only for an attempt that was never this daemon's at this epoch. */
export function* addSalvage(
  tx: Tx,
  given: NewSalvage,
): Work<{ readonly is: 'done' } | { readonly is: 'refused'; readonly refusal: Refusal }> {
  const row = yield* attemptRow(tx, given.attemptId)
  if (!granted(row, given)) return { is: 'refused', refusal: leaseLost(row, given) }
  const { kind, detail, evidence, events } = given
  const doc = { detail, evidence, events }
  const aside = { attempt_id: row.id, cid: cidOfJson({ kind, ...doc }), task_id: row.task_id, at: tx.now, kind }
  const insert = tx.db.insertInto('salvage').values({ ...aside, doc: JSON.stringify(doc) })
  const stored = yield* change(insert.onConflict((on) => on.columns(['attempt_id', 'cid']).doNothing()).compile())
  if (stored > 0) yield* changeBy(tx, sql`update attempts set salvaged = salvaged + 1 where id = ${row.id}`)
  return { is: 'done' }
}

/** All that was salvaged of an attempt, oldest first. */
export function* listSalvage(tx: Tx, attemptId: string): Work<SalvageView[]> {
  const query = tx.db.selectFrom('salvage').selectAll().where('attempt_id', '=', attemptId).orderBy('at')
  const rows = yield* all(query.compile())
  return rows.map(({ at, kind, doc }) => ({ at, kind, ...parseJson<Omit<SalvageView, 'at' | 'kind'>>(doc) }))
}

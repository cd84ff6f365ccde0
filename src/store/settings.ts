// Settings of the server itself: small JSON values by name.

import type { Tx, Work } from './port.ts'
import { change, first, parseJson } from './query.ts'

/** The value, or null when it was never set. The caller checks its shape. */
export function* getSetting(tx: Tx, name: string): Work<unknown> {
  const row = yield* first(tx.db.selectFrom('settings').select('value').where('name', '=', name).compile())
  return row === null ? null : parseJson<unknown>(row.value)
}

export function* setSetting(tx: Tx, name: string, value: unknown): Work<void> {
  const text = JSON.stringify(value)
  const insert = tx.db.insertInto('settings').values({ name, value: text })
  yield* change(insert.onConflict((on) => on.column('name').doUpdateSet({ value: text })).compile())
}

// How a query family runs compiled SQL: each helper yields one query and gives back what the family wants of the answer.

import type { CompiledQuery, RawBuilder } from 'kysely'
import type { Query, Tx, Work } from './port.ts'
import type { Text } from './text.ts'
import { compileText } from './text.ts'

/** All rows. */
export function* all<T>(query: CompiledQuery<T>): Work<T[]> {
  const { rows } = yield query
  return rows as readonly unknown[] as T[] // the query's own type says what its rows are
}

/** The first row, or null. */
export function* first<T>(query: CompiledQuery<T>): Work<T | null> {
  const rows = yield* all(query)
  return rows[0] ?? null
}

/** Runs a change; gives the number of rows it changed. */
export function* change(query: CompiledQuery<unknown>): Work<number> {
  const { changed } = yield query
  return changed
}

/** All rows of raw SQL, for what the builder says worse than SQL does, or of SQL written out. */
export function* rowsOf<T>(tx: Tx, raw: RawBuilder<T> | Text<T>): Work<T[]> {
  const { rows } = yield compiled(tx, raw)
  return rows as readonly unknown[] as T[] // the query's own type says what its rows are
}

/** Runs a raw change; gives the number of rows it changed. */
export function* changeBy(tx: Tx, raw: RawBuilder<unknown> | Text<unknown>): Work<number> {
  const { changed } = yield compiled(tx, raw)
  return changed
}

function compiled(tx: Tx, raw: RawBuilder<unknown> | Text<unknown>): Query {
  return 'strings' in raw ? compileText(tx.dialect, raw) : raw.compile(tx.db)
}

/** Reads a JSON column that only the store writes. */
export function parseJson<T>(text: string): T {
  return JSON.parse(text) as T // written by the store from a T
}

/** The same for a column that may be null. */
export function parseJsonOrNull<T>(text: string | null): T | null {
  return text === null ? null : parseJson<T>(text)
}

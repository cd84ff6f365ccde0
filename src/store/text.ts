// SQL that is written out, for the queries that every task passes through: the query builder makes and walks a tree for each of them, which
// takes longer than SQLite needs to run it (docs/performance.md). The texts are constant, so that both databases keep them prepared.

import type { Insertable } from 'kysely'
import type { Dialect, Query, Tx, Work } from './port.ts'
import type { Schema } from './schema.ts'

/** A query with its parameters; rows of `T`. */
export interface Text<T> {
  readonly strings: readonly string[]
  readonly values: readonly Value[]
  /** Never there: it only carries the type. */
  readonly row?: T
}

type Scalar = string | number | null
type Value = Scalar | List | Piece
interface List {
  readonly list: readonly Scalar[]
}
interface Piece {
  readonly sql: string
}

/** SQL as a template: each value becomes a parameter, a `list` as many as it holds, a `piece` is put in as it is. */
export function text<T>(strings: TemplateStringsArray, ...values: readonly Value[]): Text<T> {
  return { strings, values }
}

/** For `in (…)`. An empty one matches nothing. */
export function list(values: readonly Scalar[]): List {
  return { list: values.length === 0 ? [null] : values }
}

/** Constant SQL, never anybody's words. */
export function piece(sql: string): Piece {
  return { sql }
}

/** Locks rows where more than one writer exists. */
export function forUpdate({ dialect }: Tx, of = ''): Piece {
  return piece(dialect === 'postgres' ? `for update ${of}` : '')
}

export function compileText(dialect: Dialect, { strings, values }: Text<unknown>): Query {
  const parameters: Scalar[] = []
  const place = (value: Scalar): string => {
    parameters.push(value)
    return dialect === 'sqlite' ? '?' : `$${parameters.length}`
  }
  let sql = strings[0] ?? ''
  values.forEach((value, i) => {
    if (value === null || typeof value !== 'object') sql += place(value)
    else if ('sql' in value) sql += value.sql
    else sql += value.list.map(place).join(', ')
    sql += strings[i + 1] ?? ''
  })
  return { sql, parameters }
}

/** Inserts rows of equal shape: on PostgreSQL in one statement, on SQLite one by one, which is as fast and keeps one statement prepared. */
export function* insertRows<T extends keyof Schema & string>(
  tx: Tx,
  table: T,
  rows: readonly Insertable<Schema[T]>[],
): Work<void> {
  const [first] = rows
  if (first === undefined) return
  const columns = Object.keys(first)
  const values = rows.map((row) => columns.map((column) => (row as Record<string, unknown>)[column])) // its own keys
  if (tx.dialect === 'postgres') {
    yield { sql: insertSql(tx.dialect, table, columns, rows.length), parameters: values.flat() }
    return
  }
  const sql = insertSql(tx.dialect, table, columns, 1)
  for (const parameters of values) yield { sql, parameters }
}

/** Changes the row with this id; with `version` only if it still has that version. Gives how many rows it changed. */
export function* updateRow<T extends 'tasks' | 'attempts'>(
  tx: Tx,
  table: T,
  { id, version }: { readonly id: string; readonly version?: number },
  set: Partial<Insertable<Schema[T]>>,
): Work<number> {
  const columns = Object.keys(set)
  const parameters: unknown[] = Object.values(set)
  const place = (n: number) => (tx.dialect === 'sqlite' ? '?' : `$${n}`)
  let sql = `update ${table} set ${columns.map((column, i) => `${column} = ${place(i + 1)}`).join(', ')} where id = ${place(columns.length + 1)}`
  parameters.push(id)
  if (version !== undefined) {
    parameters.push(version)
    sql += ` and version = ${place(parameters.length)}`
  }
  const { changed } = yield { sql, parameters }
  return changed
}

const inserts = new Map<string, string>()

function insertSql(dialect: Dialect, table: string, columns: readonly string[], rows: number): string {
  const names = columns.join(', ')
  const key = `${dialect} ${table} ${rows} ${names}`
  const known = inserts.get(key)
  if (known !== undefined) return known
  let n = 0
  const place = () => {
    n += 1
    return dialect === 'sqlite' ? '?' : `$${n}`
  }
  const tuple = () => `(${columns.map(place).join(', ')})`
  const sql = `insert into ${table} (${names}) values ${Array.from({ length: rows }, tuple).join(', ')}`
  if (inserts.size < keptInserts) inserts.set(key, sql)
  return sql
}

/** Tables and batch sizes that occur are few; anything beyond is made anew. */
const keptInserts = 500

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
/** A value as its database is given it. */
type Placed = Value | { readonly json: string }

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

export function compileText(dialect: Dialect, { strings, values: given }: Text<unknown>): Query {
  const values = dialect === 'postgres' ? given.map(asOne) : given
  const parameters = parametersOf(values)
  const known = kept.get(strings)
  if (known?.dialect === dialect && known.shapes.every((shape, i) => shape === shapeOf(values[i] ?? null)))
    return { sql: known.sql, parameters }
  let n = 0
  const place = () => {
    n += 1
    return dialect === 'sqlite' ? '?' : `$${n}`
  }
  let sql = strings[0] ?? ''
  values.forEach((value, i) => {
    if (value === null || typeof value !== 'object') sql += place()
    else if ('sql' in value) sql += value.sql
    else if ('json' in value) sql += `select json_array_elements_text(${place()}::json)`
    else sql += value.list.map(place).join(', ')
    sql += strings[i + 1] ?? ''
  })
  kept.set(strings, { dialect, shapes: values.map(shapeOf), sql })
  return { sql, parameters }
}

/** Null: a parameter. What else decides the text: a piece's SQL, a list's length. */
type Shape = string | number | null

/** What a template became the last time: the same string each time, so that its prepared statement is found without a look at its characters. */
const kept = new WeakMap<readonly string[], { dialect: Dialect; shapes: readonly Shape[]; sql: string }>()

function shapeOf(value: Placed): Shape {
  if (value === null || typeof value !== 'object') return null
  if ('json' in value) return -1
  return 'sql' in value ? value.sql : value.list.length
}

/** Several ids as one parameter: the text is then the same however many there are, and stays prepared. */
function asOne(value: Value): Placed {
  if (value === null || typeof value !== 'object' || 'sql' in value || value.list.length < 2) return value
  return value.list.every((each) => typeof each === 'string') ? { json: JSON.stringify(value.list) } : value
}

function parametersOf(values: readonly Placed[]): Scalar[] {
  const parameters: Scalar[] = []
  for (const value of values) {
    if (value === null || typeof value !== 'object') parameters.push(value)
    else if ('list' in value) parameters.push(...value.list)
    else if ('json' in value) parameters.push(value.json)
  }
  return parameters
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
  parameters.push(id)
  if (version !== undefined) parameters.push(version)
  const form = version === undefined ? 'update' : 'update of a version'
  const sql = written(`${tx.dialect} ${form} ${table}`, columns, () => {
    const place = (n: number) => (tx.dialect === 'sqlite' ? '?' : `$${n}`)
    const sets = columns.map((column, i) => `${column} = ${place(i + 1)}`).join(', ')
    const fence = version === undefined ? '' : ` and version = ${place(columns.length + 2)}`
    return `update ${table} set ${sets} where id = ${place(columns.length + 1)}${fence}`
  })
  const { changed } = yield { sql, parameters }
  return changed
}

function insertSql(dialect: Dialect, table: string, columns: readonly string[], rows: number): string {
  return written(`${dialect} insert ${table} ${rows}`, columns, () => newInsert(dialect, table, columns, rows))
}

interface Written {
  readonly columns: readonly string[]
  readonly sql: string
}

const statements = new Map<string, Written[]>()

/** The text of a statement of this form on these columns; made once. */
function written(form: string, columns: readonly string[], make: () => string): string {
  const alike = statements.get(form) ?? []
  const known = alike.find((each) => sameColumns(each.columns, columns))
  if (known !== undefined) return known.sql
  const sql = make()
  if (alike.length < keptForms && statements.size < keptForms) statements.set(form, [...alike, { columns, sql }])
  return sql
}

function sameColumns(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false
  return true
}

/** Tables, their column sets and batch sizes that occur are few; anything beyond is made anew. */
const keptForms = 200

function newInsert(dialect: Dialect, table: string, columns: readonly string[], rows: number): string {
  let n = 0
  const place = () => {
    n += 1
    return dialect === 'sqlite' ? '?' : `$${n}`
  }
  const tuple = () => `(${columns.map(place).join(', ')})`
  return `insert into ${table} (${columns.join(', ')}) values ${Array.from({ length: rows }, tuple).join(', ')}`
}

// Tables as the database itself tells of them: what a later version adds is in the next backup without a word here.

import { sql } from 'kysely'
import type { Row, Tx, Work } from './port.ts'
import { rowsOf } from './query.ts'

export interface TableShape {
  readonly name: string
  readonly columns: readonly string[]
  /** The primary key: pages of rows follow it. */
  readonly key: readonly string[]
}

/** Rows of one page: a task's document may have a megabyte. */
const pageRows = 100

/** All tables in the order they were made in, so that what is referred to comes first. */
export function* tableShapes(tx: Tx): Work<TableShape[]> {
  const names = yield* rowsOf(tx, tx.dialect === 'sqlite' ? sqliteTables : postgresTables)
  const shapes: TableShape[] = []
  for (const { name } of names) {
    const columns = yield* rowsOf(tx, tx.dialect === 'sqlite' ? sqliteColumns(name) : postgresColumns(name))
    const keyed = columns.filter((column) => column.at > 0).sort((a, b) => a.at - b.at)
    shapes.push({ name, columns: columns.map((column) => column.name), key: keyed.map((column) => column.name) })
  }
  return shapes
}

/** One page of a table's rows after a row; null: from the first. */
export function pageAfter(tx: Tx, { name, columns, key }: TableShape, last: Row | null): Work<Row[]> {
  const refs = (list: readonly string[]) => sql.join(list.map((column) => sql.ref(column)))
  const after =
    last === null ? sql`` : sql`where (${refs(key)}) > (${sql.join(key.map((column) => sql.val(last[column])))})`
  const query = sql<Row>`select ${refs(columns)} from ${sql.table(name)} ${after} order by ${refs(key)} limit ${sql.lit(pageRows)}`
  return rowsOf(tx, query)
}

/** Inserts rows as they are, numbers of identity columns included. */
export function* insertRows(
  tx: Tx,
  { table, columns }: { readonly table: string; readonly columns: readonly string[] },
  rows: readonly (readonly unknown[])[],
): Work<void> {
  if (rows.length === 0) return
  const refs = sql.join(columns.map((column) => sql.ref(column)))
  const values = sql.join(rows.map((row) => sql`(${sql.join(row.map((value) => sql.val(value)))})`))
  const own = tx.dialect === 'postgres' ? sql`overriding system value` : sql``
  yield* rowsOf(tx, sql`insert into ${sql.table(table)} (${refs}) ${own} values ${values}`)
}

/** Identity columns count on from what was inserted. SQLite does so by itself. */
export function* countOn(tx: Tx): Work<void> {
  if (tx.dialect === 'sqlite') return
  const found = yield* rowsOf(
    tx,
    sql<{ table: string; column: string }>`select table_name as table, column_name as column
      from information_schema.columns where is_identity = 'YES' and table_schema = current_schema()`,
  )
  for (const { table, column } of found) {
    yield* rowsOf(
      tx,
      sql`select setval(pg_get_serial_sequence(${table}, ${column}),
        (select coalesce(max(${sql.ref(column)}), 0) + 1 from ${sql.table(table)}), false)`,
    )
  }
}

interface Column {
  readonly name: string
  /** Place in the primary key from 1; 0: not in it. */
  readonly at: number
}

const sqliteTables = sql<{
  name: string
}>`select name from sqlite_master where type = 'table' and name not like 'sqlite\\_%' escape '\\' order by rowid`

const postgresTables = sql<{ name: string }>`select relname as name from pg_class
  where relkind = 'r' and relnamespace = current_schema()::regnamespace order by oid`

function sqliteColumns(table: string) {
  return sql<Column>`select name, pk as at from pragma_table_info(${table}) order by cid`
}

function postgresColumns(table: string) {
  return sql<Column>`select a.attname as name, coalesce(array_position(i.indkey::int[], a.attnum::int) + 1, 0) as at
    from pg_attribute a left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
    where a.attrelid = ${table}::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`
}

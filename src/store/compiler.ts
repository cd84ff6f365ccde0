// Kysely as a compiler: it builds SQL for either database and runs nothing.

import type { Dialect as KyselyDialect, QueryCompiler } from 'kysely'
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import type { Dialect } from './port.ts'
import type { Schema } from './schema.ts'

/** A kysely whose `compile()` writes SQL for the dialect; executing through it is not possible. */
export function makeCompiler(dialect: Dialect): Kysely<Schema> {
  return new Kysely<Schema>({ dialect: dialect === 'sqlite' ? sqlite : postgres })
}

const sqlite: KyselyDialect = {
  createAdapter: () => new SqliteAdapter(),
  createDriver: () => new DummyDriver(),
  createIntrospector: (db) => new SqliteIntrospector(db),
  createQueryCompiler: (): QueryCompiler => new SqliteQueryCompiler(),
}

const postgres: KyselyDialect = {
  createAdapter: () => new PostgresAdapter(),
  createDriver: () => new DummyDriver(),
  createIntrospector: (db) => new PostgresIntrospector(db),
  createQueryCompiler: (): QueryCompiler => new PostgresQueryCompiler(),
}

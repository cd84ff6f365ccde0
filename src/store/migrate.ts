// Brings a database to this build's version, once, whoever else tries at the same time.

import { CompiledQuery } from 'kysely'
import { Problem } from '../core/problem.ts'
import { migrations as known } from './migrations/list.ts'
import type { Migration, Words } from './migrations/migration.ts'
import type { Dialect, Tx, Work } from './port.ts'
import { change, first } from './query.ts'

/** Held by whoever migrates or first looks: one number for all of Capstan's databases, as the lock is the database's own. */
const migrationLock = 7_420_001

const words: Record<Dialect, Words> = {
  sqlite: { int: 'integer', serial: 'integer primary key autoincrement', clustered: ' without rowid' },
  postgres: { int: 'bigint', serial: 'bigint generated always as identity primary key', clustered: '' },
}

/**
 * Applies what is missing, in the caller's transaction (SQLite's must hold the write lock already). Returns the version it found. Throws
 * Problem `configuration` when the database is newer than this build.
 */
export function* migrate(tx: Tx, migrations: readonly Migration[] = known): Work<number> {
  if (tx.dialect === 'postgres') yield CompiledQuery.raw(`select pg_advisory_xact_lock(${migrationLock})`)
  const { int } = words[tx.dialect]
  yield CompiledQuery.raw(
    `create table if not exists migrations (version ${int} primary key, name text not null, applied_at ${int} not null)`,
  )
  const at = yield* versionOf(tx)
  const newest = migrations.at(-1)?.version ?? 0
  if (at > newest) {
    throw new Problem(
      'configuration',
      `the database is at version ${at}, this capstan knows ${newest}; upgrade capstan or restore a backup`,
    )
  }
  for (const migration of migrations) if (migration.version > at) yield* apply(tx, migration)
  return at
}

function* versionOf(tx: Tx): Work<number> {
  const query = tx.db.selectFrom('migrations').select('version').orderBy('version', 'desc').limit(1)
  return (yield* first(query.compile()))?.version ?? 0
}

function* apply(tx: Tx, migration: Migration): Work<void> {
  for (const statement of migration.up(words[tx.dialect])) yield CompiledQuery.raw(statement)
  const { version, name } = migration
  yield* change(tx.db.insertInto('migrations').values({ version, name, applied_at: tx.now }).compile())
}

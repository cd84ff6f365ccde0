// The one place that opens SQLite: the settings that make an acknowledged write survive power loss.

import { chmodSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/**
 * Opens (or makes, 0600) a database in WAL mode with `synchronous=FULL`: COMMIT returns after the log is synced. `:memory:` is allowed in tests.
 * Throws what SQLite says when the file is not a database or cannot be written.
 */
export function openSqlite(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: 5_000 })
  db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA fullfsync=1; PRAGMA temp_store=MEMORY;')
  if (path !== ':memory:') chmodSync(path, 0o600)
  return db
}

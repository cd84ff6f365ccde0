// Opens the store that a database address names.

import type { Clock } from '../core/clock.ts'
import { Problem } from '../core/problem.ts'
import type { Store } from './port.ts'

/**
 * `postgres://…` or `postgresql://…`, else the path of a SQLite file. Migrates. Only SQLite takes its time from `clock`; PostgreSQL has its
 * own, the same for all replicas. Throws Problem `in_use`, `configuration` or `unavailable`.
 */
export async function openStore({ url, clock }: { url: string; clock: Clock }): Promise<Store> {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]
  if (scheme !== undefined && !/^postgres(ql)?$/.test(scheme))
    throw new Problem(
      'configuration',
      `--database ${scheme}:// is not supported; give postgres://… or the path of a SQLite file`,
    )
  // Loaded when wanted: pg costs an embedded start a tenth of its time.
  if (/^postgres(ql)?:\/\//.test(url)) return (await import('./postgres.ts')).openPostgresStore({ url })
  return (await import('./sqlite.ts')).openSqliteStore({ path: url, clock })
}

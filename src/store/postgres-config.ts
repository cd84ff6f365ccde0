// How every connection to PostgreSQL is set up: integers as numbers, and no wait without an end.

import type { ClientConfig, CustomTypesConfig } from 'pg'
import pg from 'pg'

const int8 = 20

/** Our integers are times, counts and byte sizes: below 2^53, so numbers hold them. */
const types: CustomTypesConfig = {
  getTypeParser: (id: number, format?: string) =>
    id === int8 && format !== 'binary' ? Number : pg.types.getTypeParser(id, format === 'binary' ? 'binary' : 'text'),
}

export function connectionConfig(url: string): ClientConfig {
  return {
    connectionString: url,
    types,
    keepAlive: true,
    application_name: 'capstan',
    connectionTimeoutMillis: 10_000,
    // A command is a few seeks; one that takes this long is stuck, and its locks with it.
    statement_timeout: 30_000,
    query_timeout: 35_000,
    idle_in_transaction_session_timeout: 60_000,
  }
}

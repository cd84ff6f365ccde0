// Runs one query on a PostgreSQL connection, prepared under a name where that is safe: parsing and planning cost more than most of them.

import type { PoolClient } from 'pg'
import { bindable } from './drive.ts'
import type { Query, Row, Rows } from './port.ts'

export async function execute(client: PoolClient, { sql, parameters }: Query): Promise<Rows> {
  const values = parameters.map(bindable)
  const name = statementName(sql)
  const { rows, rowCount } = await client.query<Row>(
    name === null ? { text: sql, values } : { name, text: sql, values },
  )
  return { rows, changed: rowCount ?? 0 }
}

const statements = new Map<string, string>()
/** Texts that get a name. Lists of ids make more texts than are worth keeping in every connection. */
const keptStatements = 300

/**
 * The name under which a connection keeps the statement parsed and planned. Not with `*`: after another replica's migration such a
 * statement would fail on every connection that had prepared it.
 */
function statementName(sql: string): string | null {
  const known = statements.get(sql)
  if (known !== undefined) return known
  if (statements.size >= keptStatements || sql.includes('*') || !/^(select|insert|update|delete)\b/.test(sql))
    return null
  const name = `s${statements.size}`
  statements.set(sql, name)
  return name
}

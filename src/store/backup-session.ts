// One transaction on either database beside a server that may be at work: what backup reads in and restore writes in.

import { existsSync } from 'node:fs'
import pg from 'pg'
import { Problem } from '../core/problem.ts'
import { openSqlite } from '../lib/sqlite.ts'
import { makeCompiler } from './compiler.ts'
import { bindable, drive, driveNow } from './drive.ts'
import type { Dialect, Query, Row, Rows, Tx, Work } from './port.ts'
import { connectionConfig } from './postgres-config.ts'
import { translated } from './postgres-errors.ts'
import { lockSqlite } from './sqlite-lock.ts'

export interface BackupSession extends AsyncDisposable {
  readonly dialect: Dialect
  /** ms since the epoch, when the transaction began. */
  readonly now: number
  /** Runs queries inside the one transaction. */
  run<T>(work: (tx: Tx) => Work<T>): Promise<T>
  /** What was written counts. Without it nothing does. */
  commit(): Promise<void>
}

/** `read`: one snapshot of a database that exists. `write`: all or nothing, and no server may run on it. */
export type Purpose = 'read' | 'write'

export interface BackupPlace {
  /** A SQLite file's path, or postgres://… */
  readonly url: string
  readonly now: number
}

/** Throws `configuration` when there is no database to read, `in_use` when a server runs on the one to write, `unavailable`. */
export async function openSession(place: BackupPlace, purpose: Purpose): Promise<BackupSession> {
  if (/^postgres(ql)?:\/\//.test(place.url)) return openPostgres(place, purpose)
  if (purpose === 'read' && !existsSync(place.url))
    throw new Problem('configuration', `there is no database at ${place.url}; name the data folder with --data DIR`)
  return openSqliteSession(place, purpose)
}

function openSqliteSession({ url, now }: BackupPlace, purpose: Purpose): BackupSession {
  const lock = purpose === 'write' ? lockSqlite(url) : null
  const db = openSqlite(url)
  // References are checked at COMMIT: tables come in the order of their birth, which later versions may have changed.
  db.exec(purpose === 'read' ? 'PRAGMA query_only=1; BEGIN' : 'BEGIN IMMEDIATE; PRAGMA defer_foreign_keys=1')
  const execute = ({ sql, parameters }: Query): Rows => {
    const statement = db.prepare(sql)
    const values = parameters.map(bindable)
    if (statement.columns().length === 0) return { rows: [], changed: Number(statement.run(...values).changes) }
    const rows: Row[] = statement.all(...values)
    return { rows, changed: rows.length }
  }
  const tx: Tx = { dialect: 'sqlite', now, db: makeCompiler('sqlite'), notify: () => {} } // nobody listens yet
  return {
    dialect: 'sqlite',
    now,
    run: async (work) => driveNow(work(tx), execute),
    commit: async () => db.exec('COMMIT'),
    [Symbol.asyncDispose]: async () => {
      if (db.isTransaction) db.exec('ROLLBACK')
      db.close()
      lock?.close()
    },
  }
}

async function openPostgres({ url }: BackupPlace, purpose: Purpose): Promise<BackupSession> {
  // Reading a large table takes as long as it takes, and so does writing blobs between two tables.
  const patient = { statement_timeout: 0, query_timeout: 0, idle_in_transaction_session_timeout: 0 }
  const client = new pg.Client({ ...connectionConfig(url), ...patient })
  client.on('error', () => {}) // the query under way rejects
  const asked = async (query: Query): Promise<Rows> => {
    const { rows, rowCount } = await client.query<Row>(query.sql, query.parameters.map(bindable))
    return { rows, changed: rowCount ?? 0 }
  }
  try {
    await client.connect()
    await client.query(purpose === 'read' ? 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' : 'BEGIN')
    const { rows } = await client.query<{ now: number }>(
      'select (extract(epoch from clock_timestamp()) * 1000)::bigint as now',
    )
    const now = rows[0]?.now ?? 0
    const tx: Tx = { dialect: 'postgres', now, db: makeCompiler('postgres'), notify: () => {} } // nobody listens yet
    return {
      dialect: 'postgres',
      now,
      run: (work) => drive(work(tx), asked),
      commit: async () => {
        await client.query('COMMIT')
      },
      [Symbol.asyncDispose]: () => client.end(), // an open transaction ends with it
    }
  } catch (error) {
    await client.end().catch(() => {}) // it never stood
    throw translated(error)
  }
}

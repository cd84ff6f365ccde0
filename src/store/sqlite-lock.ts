// One server per SQLite database: a lock database beside it, held by an open transaction that the kernel ends with the process.

import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { Problem } from '../core/problem.ts'
import { openSqlite } from '../lib/sqlite.ts'

/** Long enough for the other process to write its pid between our two looks. */
const waitMs = 200

/**
 * Takes the lock of the database at `path`, or throws Problem `in_use` naming the process that has it. Closing the answer releases it.
 */
export function lockSqlite(path: string): DatabaseSync {
  const lock = openSqlite(`${path}.lock`)
  try {
    lock.exec(`PRAGMA busy_timeout=${waitMs}`)
    take(lock)
    lock.exec('CREATE TABLE IF NOT EXISTS owner (pid INTEGER NOT NULL); DELETE FROM owner')
    lock.prepare('INSERT INTO owner VALUES (?)').run(process.pid)
    // Committed, so that others can read who we are; taken again at once, and never committed.
    lock.exec('COMMIT')
    take(lock)
    return lock
  } catch (error) {
    const refusal = isBusy(error) ? inUse(lock, path, error) : error
    lock.close()
    throw refusal
  }
}

function take(lock: DatabaseSync): void {
  lock.exec('BEGIN IMMEDIATE')
}

function inUse(lock: DatabaseSync, path: string, cause: unknown): Problem {
  const owner = lock.prepare('SELECT pid FROM owner').get()
  const who = owner === undefined ? '' : ` (pid ${String(owner.pid)})`
  return new Problem('in_use', `another capstan server${who} uses ${dirname(path)}`, { cause })
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && /database is (locked|busy)/.test(error.message)
}

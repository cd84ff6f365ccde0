// The journal's tables and how the file is opened: made anew, brought up to date, or set aside when it is damaged.

import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { Problem } from '../../core/problem.ts'
import { openSqlite } from '../../lib/sqlite.ts'

/** Kept in the file as `user_version`. Numbered steps, append-only: step n brings a file of version n-1 to n. */
const steps = [
  `CREATE TABLE runs (
     attempt_id TEXT PRIMARY KEY,
     task_id    TEXT NOT NULL,
     epoch      INTEGER NOT NULL,
     n          INTEGER NOT NULL,
     step       TEXT NOT NULL,
     data       TEXT NOT NULL
   ) STRICT;
   -- How far each run's output was read, and the parser that read it: changed only together with the events that came of it.
   CREATE TABLE cursors (
     attempt_id   TEXT PRIMARY KEY,
     stdout       INTEGER NOT NULL,
     stderr       INTEGER NOT NULL,
     parser_state TEXT NOT NULL,
     next_seq     INTEGER NOT NULL
   ) STRICT;
   -- What the server has not acknowledged. first_seq and last_seq: only of events. refused: why the server never takes it.
   CREATE TABLE outbox (
     id         INTEGER PRIMARY KEY AUTOINCREMENT,
     attempt_id TEXT NOT NULL,
     epoch      INTEGER NOT NULL,
     kind       TEXT NOT NULL,
     body       TEXT NOT NULL,
     first_seq  INTEGER,
     last_seq   INTEGER,
     created_at INTEGER NOT NULL,
     refused    TEXT
   ) STRICT;
   CREATE INDEX outbox_by_attempt ON outbox (attempt_id, id) WHERE refused IS NULL;`,
  // A conversation: how far stdin.log is promised, the promised text that may not lie there yet, what waits for a person (request_id null:
  // not any more), the numbers of the messages
  // that were taken, and whether the agent's work is over although its process may stay.
  `ALTER TABLE cursors ADD COLUMN input INTEGER;
   ALTER TABLE cursors ADD COLUMN input_ended INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE cursors ADD COLUMN done INTEGER NOT NULL DEFAULT 0;
   CREATE TABLE inputs (
     attempt_id TEXT NOT NULL,
     at         INTEGER NOT NULL,
     text       TEXT NOT NULL,
     PRIMARY KEY (attempt_id, at)
   ) STRICT;
   CREATE TABLE asks (
     attempt_id TEXT NOT NULL,
     key        TEXT NOT NULL,
     times      INTEGER NOT NULL,
     request_id TEXT,
     doc        TEXT NOT NULL,
     PRIMARY KEY (attempt_id, key)
   ) STRICT;
   CREATE TABLE heard (
     attempt_id TEXT NOT NULL,
     seq        INTEGER NOT NULL,
     PRIMARY KEY (attempt_id, seq)
   ) STRICT;`,
  // Answers to calls of the run's MCP server.
  `CREATE TABLE calls (
     id         INTEGER PRIMARY KEY,
     attempt_id TEXT NOT NULL,
     key        TEXT NOT NULL,
     answer     TEXT NOT NULL,
     UNIQUE (attempt_id, key)
   ) STRICT;`,
  // What was said while the agent works, and how much of its output (bytes) was read by then; late: it came after the agent's last word.
  `ALTER TABLE heard ADD COLUMN text TEXT;
   ALTER TABLE heard ADD COLUMN at INTEGER;
   ALTER TABLE heard ADD COLUMN late INTEGER NOT NULL DEFAULT 0;`,
]

export interface OpenedFile {
  readonly db: DatabaseSync
  /** Set when the file was damaged: it lies there now, and a new journal was begun. The daemon goes on from the run folders. */
  readonly quarantined: { readonly path: string; readonly why: string } | null
}

/**
 * Opens the journal, making it (0600) the first time. A file that SQLite finds damaged is renamed aside, never deleted. Throws
 * `configuration` for a file of a newer version, and what SQLite says when it cannot be written.
 */
export function openFile(path: string, now: number): OpenedFile {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  try {
    return { db: openChecked(path), quarantined: null }
  } catch (error) {
    if (path === ':memory:' || !existsSync(path) || !isDamage(error)) throw error
    const aside = setAside(path, now)
    return { db: openChecked(path), quarantined: { path: aside, why: String(error) } }
  }
}

function openChecked(path: string): DatabaseSync {
  const db = openSqlite(path)
  try {
    const health = db.prepare('PRAGMA quick_check(1)').get()?.quick_check
    if (health !== 'ok') throw new DamagedFile(String(health))
    migrate(db, path)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function migrate(db: DatabaseSync, path: string): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.user_version)
  if (version > steps.length) {
    throw new Problem(
      'configuration',
      `the journal ${path} is of a newer Capstan (version ${version}); upgrade this one.`,
    )
  }
  for (const [index, step] of steps.entries()) {
    if (index < version) continue
    db.exec(`BEGIN IMMEDIATE; ${step}; PRAGMA user_version = ${index + 1}; COMMIT`)
  }
}

class DamagedFile extends Error {}

/** SQLite's primary codes: 11 CORRUPT, 26 NOTADB; and 1 with a schema it cannot read. Source: sqlite.org/rescode.html. */
function isDamage(error: unknown): boolean {
  if (error instanceof DamagedFile) return true
  if (!(error instanceof Error) || !('errcode' in error)) return false
  const primary = Number(error.errcode) & 0xff
  return primary === 11 || primary === 26 || (primary === 1 && /malformed|already exists|no such/.test(error.message))
}

/** Renames the file with its log, so that neither is read into a new one. */
function setAside(path: string, now: number): string {
  const aside = `${path}.damaged-${new Date(now).toISOString().replace(/[:.]/g, '-')}`
  for (const part of ['', '-wal', '-shm']) if (existsSync(path + part)) renameSync(path + part, aside + part)
  return aside
}

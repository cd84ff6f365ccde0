// The store on SQLite: one writer, group commit. All commands of an event-loop tick share one transaction, and commits share syncs.

import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import type { Clock } from '../core/clock.ts'
import { Problem } from '../core/problem.ts'
import { openSqlite } from '../lib/sqlite.ts'
import { makeCompiler } from './compiler.ts'
import { bindable, driveNow } from './drive.ts'
import { migrate } from './migrate.ts'
import { coalesce, Ears } from './notes.ts'
import type { Note, Query, Row, Rows, Store, Tx, Work } from './port.ts'
import { isDamaged, messageOf, opened, refuseOtherFile, unopened } from './sqlite-file.ts'
import { lockSqlite } from './sqlite-lock.ts'
import { LogSync } from './sqlite-sync.ts'

/** Commands in one transaction at most: bounds how long a tick holds the event loop. */
const tickCommands = 256
/** So few commands do not wait for a sync under way: the server is idle, and what counts is when they are answered. */
const fewCommands = 2
/**
 * A log of 16 MiB before it is copied back (four times the default: each copy is two more fsyncs), 32 MiB of pages kept in memory, and a
 * short wait for a foreign writer: there should be none, and waiting holds the event loop. COMMIT does not sync: `sqlite-sync.ts` does.
 */
const pragmas =
  'PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=4000; PRAGMA cache_size=-32768; PRAGMA busy_timeout=1000'
/** Prepared statements kept. Families are constant SQL but for lists of ids, so this is rarely reached. */
const keptStatements = 500

/**
 * Opens the database file (made when missing, `:memory:` in tests), takes its lock, and migrates it. Throws Problem `in_use` when another
 * process has it, `configuration` when it is newer than this build, no SQLite database, or cannot be opened.
 */
export async function openSqliteStore({ path, clock }: { path: string; clock: Clock }): Promise<Store> {
  if (path !== ':memory:') refuseOtherFile(path)
  const lock = path === ':memory:' ? null : opened(path, () => lockSqlite(path))
  try {
    const store = new SqliteStore(
      opened(path, () => openSqlite(path)),
      { path, lock, clock },
    )
    await store.run((tx) => migrate(tx))
    return store
  } catch (error) {
    lock?.close()
    throw isDamaged(error) ? unopened(path, error) : error
  }
}

/** A queued command: what to do inside the tick's transaction, and how to answer after it. */
interface Queued {
  /** Drives the command; never throws. */
  readonly perform: (now: number) => Performed
  readonly fail: (problem: unknown) => void
}

interface Performed {
  readonly ok: boolean
  readonly notes: readonly Note[]
  readonly settle: () => void
}

class SqliteStore implements Store {
  readonly dialect = 'sqlite'
  readonly #db: DatabaseSync
  readonly #lock: DatabaseSync | null
  readonly #clock: Clock
  readonly #sync: LogSync
  readonly #compiler = makeCompiler('sqlite')
  readonly #ears = new Ears()
  readonly #statements = new Map<string, Prepared>()
  #queue: Queued[] = []
  #flushing = false
  /** The command under way has run a statement that may have changed something. */
  #changed = false
  /** One of the tick's commands has. */
  #tickChanged = false
  #closed = false

  constructor(db: DatabaseSync, place: { path: string; lock: DatabaseSync | null; clock: Clock }) {
    this.#db = db
    this.#lock = place.lock
    this.#clock = place.clock
    this.#sync = new LogSync(place.path === ':memory:' ? null : place.path, () => this.#schedule())
    db.exec(pragmas)
  }

  run<T>(work: (tx: Tx) => Work<T>): Promise<T> {
    if (this.#closed) return Promise.reject(closedStore())
    return new Promise<T>((resolve, reject) => {
      const perform = (now: number): Performed => {
        const notes: Note[] = []
        try {
          const value = driveNow(work(this.#tx(now, notes)), this.#execute)
          return { ok: true, notes, settle: () => resolve(value) }
        } catch (error) {
          return { ok: false, notes: [], settle: () => reject(error) }
        }
      }
      this.#queue.push({ perform, fail: reject })
      this.#schedule()
    })
  }

  // Between ticks no transaction is open, so a read sees what is committed, and nothing else runs while it does.
  async read<T>(work: (tx: Tx) => Work<T>): Promise<T> {
    if (this.#closed) throw closedStore()
    const changing = () => {
      throw new Error('a read does not notify')
    }
    const found = driveNow(work({ ...this.#tx(this.#clock.now(), []), notify: changing }), this.#execute)
    // What it saw may be a moment from being durable: nobody is told of what a power cut could still undo.
    return new Promise<T>((resolve, reject) => {
      this.#sync.after(false, (error) => (error === null ? resolve(found) : reject(unsynced(error))))
    })
  }

  listen(hear: (note: Note) => void): () => void {
    return this.#ears.listen(hear)
  }

  async tell(): Promise<void> {}

  async lead(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await work(signal)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    while (this.#queue.length > 0) this.#flush()
    await this.#sync.close()
    this.#statements.clear()
    this.#db.close()
    this.#lock?.close()
  }

  #tx(now: number, notes: Note[]): Tx {
    return { dialect: 'sqlite', now, db: this.#compiler, notify: (note) => notes.push(note) }
  }

  /** While a sync is under way, commands gather for the next transaction; its end calls again. */
  #schedule(): void {
    if (this.#flushing || this.#queue.length === 0 || this.#sync.full) return
    this.#flushing = true
    setImmediate(() => {
      this.#flushing = false
      if (this.#queue.length === 0 || (this.#sync.busy && this.#queue.length > fewCommands)) return
      this.#flush()
      this.#schedule()
    })
  }

  #flush(): void {
    const batch = this.#queue.splice(0, tickCommands)
    let done: Performed[]
    try {
      if (this.#sync.failed !== null) throw unsynced(this.#sync.failed)
      done = this.#commit(batch)
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      const problem = error instanceof Problem ? error : unwritten(error)
      for (const queued of batch) queued.fail(problem)
      return
    }
    const changed = this.#tickChanged
    this.#sync.after(changed, (error) => {
      if (error === null) for (const each of done) each.settle()
      else for (const queued of batch) queued.fail(unsynced(error))
    })
    // At once: whoever acts on a note is answered after a later sync, which covers this commit too.
    this.#ears.tell(coalesce(done.flatMap((each) => each.notes)))
  }

  /**
   * One transaction for the batch. Savepoints are left out, since each makes SQLite copy the pages that follow: should a command fail after
   * it has changed something, all is rolled back and done again with them, so that its failure takes nobody along.
   */
  #commit(batch: readonly Queued[]): Performed[] {
    const now = this.#clock.now()
    this.#tickChanged = false
    this.#exec('BEGIN IMMEDIATE')
    const done: Performed[] = []
    for (const queued of batch) {
      this.#changed = false
      const performed = queued.perform(now)
      if (!performed.ok && this.#changed) {
        this.#exec('ROLLBACK')
        return this.#commitApart(batch, now)
      }
      done.push(performed)
    }
    this.#exec('COMMIT')
    return done
  }

  #commitApart(batch: readonly Queued[], now: number): Performed[] {
    this.#exec('BEGIN IMMEDIATE')
    const done = batch.map((queued) => {
      this.#exec('SAVEPOINT command')
      const performed = queued.perform(now)
      if (!performed.ok) this.#exec('ROLLBACK TO command')
      this.#exec('RELEASE command')
      return performed
    })
    this.#exec('COMMIT')
    return done
  }

  #exec(sql: string): void {
    this.#prepare(sql).statement.run()
  }

  readonly #execute = (query: Query): Rows => {
    const { statement, columns, reads } = this.#prepare(query.sql)
    if (!reads) {
      this.#changed = true
      this.#tickChanged = true
    }
    const parameters = query.parameters.map(bindable)
    if (columns.length === 0) return { rows: [], changed: Number(statement.run(...parameters).changes) }
    const found = statement.all(...parameters) as unknown as SQLOutputValue[][] // it returns arrays: see #prepare
    const rows = found.map((values) => rowOf(columns, values))
    return { rows, changed: rows.length }
  }

  #prepare(sql: string): Prepared {
    const kept = this.#statements.get(sql)
    if (kept !== undefined) return kept
    const statement = this.#db.prepare(sql)
    const columns = statement.columns().map(({ name }) => name)
    // Rows as objects come without a shape that the engine knows: each use of one is slower than making our own.
    if (columns.length > 0) statement.setReturnArrays(true)
    const prepared = { statement, columns, reads: /^\s*select\b/i.test(sql) }
    if (this.#statements.size >= keptStatements) {
      const oldest = this.#statements.keys().next().value
      if (oldest !== undefined) this.#statements.delete(oldest)
    }
    this.#statements.set(sql, prepared)
    return prepared
  }
}

interface Prepared {
  readonly statement: StatementSync
  /** Names of what it gives; none when it is neither a select nor a change with RETURNING. */
  readonly columns: readonly string[]
  /** Changes nothing. */
  readonly reads: boolean
}

function rowOf(columns: readonly string[], values: readonly SQLOutputValue[]): Row {
  const row: Row = {}
  for (let i = 0; i < columns.length; i += 1) row[columns[i] ?? ''] = values[i]
  return row
}

function unwritten(cause: unknown): Problem {
  return new Problem('unavailable', `the database could not be written: ${messageOf(cause)}`, { cause })
}

function unsynced(cause: Error): Problem {
  const detail = `the database could not be synced to disk: ${cause.message}; restart the server once the disk is well`
  return new Problem('unavailable', detail, { cause })
}

function closedStore(): Problem {
  return new Problem('unavailable', 'the store is closed; the server is stopping')
}

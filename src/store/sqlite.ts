// The store on SQLite: one writer, group commit. All commands of an event-loop tick share one transaction and one fsync.

import { closeSync, openSync, readSync, statSync } from 'node:fs'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Clock } from '../core/clock.ts'
import { Problem } from '../core/problem.ts'
import { openSqlite } from '../lib/sqlite.ts'
import { makeCompiler } from './compiler.ts'
import { bindable, driveNow } from './drive.ts'
import { migrate } from './migrate.ts'
import { coalesce, Ears } from './notes.ts'
import type { Note, Query, Rows, Store, Tx, Work } from './port.ts'
import { lockSqlite } from './sqlite-lock.ts'

/** Commands in one transaction at most: bounds how long a tick holds the event loop. */
const tickCommands = 256
/**
 * A log of 16 MiB before it is copied back (four times the default: each copy is two more fsyncs), 32 MiB of pages kept in memory, and a
 * short wait for a foreign writer: there should be none, and waiting holds the event loop.
 */
const pragmas = 'PRAGMA wal_autocheckpoint=4000; PRAGMA cache_size=-32768; PRAGMA busy_timeout=1000'
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
      lock,
      clock,
    )
    await store.run((tx) => migrate(tx))
    return store
  } catch (error) {
    lock?.close()
    throw isDamaged(error) ? unopened(path, error) : error
  }
}

function isDamaged(error: unknown): boolean {
  return !(error instanceof Problem) && /malformed|not a database|disk I\/O error/.test(messageOf(error))
}

/** Looked at before the lock is taken beside it: whose file it is, is not known yet. An empty file is a database without tables. */
function refuseOtherFile(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined || (found.isFile() && found.size === 0)) return
  if (found.isFile() && opened(path, () => headOf(path)) === magic) return
  const what = found.isDirectory() ? 'is a folder' : 'is no SQLite database'
  throw new Problem('configuration', `${path} ${what}; move it away, or choose another file with --database`)
}

const magic = 'SQLite format 3\0'

function headOf(path: string): string {
  const file = openSync(path, 'r')
  try {
    const head = Buffer.alloc(magic.length)
    return head.toString('latin1', 0, readSync(file, head))
  } finally {
    closeSync(file)
  }
}

/** What SQLite or the system says of a file that cannot be opened, as a problem of the configuration. */
function opened<T>(path: string, open: () => T): T {
  try {
    return open()
  } catch (error) {
    throw error instanceof Problem ? error : unopened(path, error)
  }
}

function unopened(path: string, cause: unknown): Problem {
  const detail = `the database ${path} cannot be opened (${messageOf(cause)}); choose another with --database`
  return new Problem('configuration', detail, { cause })
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
  readonly #compiler = makeCompiler('sqlite')
  readonly #ears = new Ears()
  readonly #statements = new Map<string, Prepared>()
  #queue: Queued[] = []
  #flushing = false
  /** The command under way has run a statement that may have changed something. */
  #changed = false
  #closed = false

  constructor(db: DatabaseSync, lock: DatabaseSync | null, clock: Clock) {
    this.#db = db
    this.#lock = lock
    this.#clock = clock
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
    return driveNow(work({ ...this.#tx(this.#clock.now(), []), notify: changing }), this.#execute)
  }

  listen(hear: (note: Note) => void): () => void {
    return this.#ears.listen(hear)
  }

  async lead(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await work(signal)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    while (this.#queue.length > 0) this.#flush()
    this.#statements.clear()
    this.#db.close()
    this.#lock?.close()
  }

  #tx(now: number, notes: Note[]): Tx {
    return { dialect: 'sqlite', now, db: this.#compiler, notify: (note) => notes.push(note) }
  }

  #schedule(): void {
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(() => {
      this.#flushing = false
      if (this.#queue.length === 0) return
      this.#flush()
      if (this.#queue.length > 0) this.#schedule()
    })
  }

  #flush(): void {
    const batch = this.#queue.splice(0, tickCommands)
    let done: Performed[]
    try {
      done = this.#commit(batch)
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      const problem = new Problem('unavailable', `the database could not be written: ${messageOf(error)}`, {
        cause: error,
      })
      for (const queued of batch) queued.fail(problem)
      return
    }
    for (const each of done) each.settle()
    this.#ears.tell(coalesce(done.flatMap((each) => each.notes)))
  }

  /**
   * One transaction for the batch. Savepoints are left out, since each makes SQLite copy the pages that follow: should a command fail after
   * it has changed something, all is rolled back and done again with them, so that its failure takes nobody along.
   */
  #commit(batch: readonly Queued[]): Performed[] {
    const now = this.#clock.now()
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
    const { statement, answers, reads } = this.#prepare(query.sql)
    if (!reads) this.#changed = true
    const parameters = query.parameters.map(bindable)
    if (!answers) return { rows: [], changed: Number(statement.run(...parameters).changes) }
    const rows = statement.all(...parameters)
    return { rows, changed: rows.length }
  }

  #prepare(sql: string): Prepared {
    const kept = this.#statements.get(sql)
    if (kept !== undefined) return kept
    const statement = this.#db.prepare(sql)
    const prepared = { statement, answers: statement.columns().length > 0, reads: /^\s*select\b/i.test(sql) }
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
  /** Gives rows: a select, or a change with RETURNING. */
  readonly answers: boolean
  /** Changes nothing. */
  readonly reads: boolean
}

function closedStore(): Problem {
  return new Problem('unavailable', 'the store is closed; the server is stopping')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

// The store on PostgreSQL: a transaction per command, those that ask for it grouped per tick; the database's clock is everyone's clock.

import { randomUUID } from 'node:crypto'
import type { Pool, PoolClient, QueryResult } from 'pg'
import pg from 'pg'
import type { Clock } from '../core/clock.ts'
import { Problem } from '../core/problem.ts'
import { systemClock } from '../lib/clock.ts'
import { makeCompiler } from './compiler.ts'
import { drive } from './drive.ts'
import { driveTogether } from './drive-together.ts'
import { migrate } from './migrate.ts'
import { coalesce, Ears } from './notes.ts'
import type { Note, Query, Rows, RunOptions, Store, Tx, Work } from './port.ts'
import { connectionConfig } from './postgres-config.ts'
import { isConflict, isOutage, translated, unopened } from './postgres-errors.ts'
import { execute } from './postgres-execute.ts'
import { leadPostgres } from './postgres-lead.ts'
import { NoteWire } from './postgres-wire.ts'

/** A replica's share of PostgreSQL's usual 100 connections, with room for its wire, its leader and other replicas. */
const poolSize = 16
/** Commands in one grouped transaction: beyond this a group waits longer than it saves. */
const groupCommands = 128
/** Groups under way at once: one being committed, one being filled by the database. */
const groupsAtOnce = 2
const tries = 6

const clockSql = 'SELECT (extract(epoch from clock_timestamp()) * 1000)::bigint AS now'
const begin = `BEGIN; ${clockSql}`
const beginRead = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${clockSql}`

/**
 * Connects and migrates. Time is the database's; `clock` is for tests. Throws Problem `unavailable` when it cannot be reached,
 * `configuration` when it refuses us or is newer than this build.
 */
export async function openPostgresStore({ url, clock }: { url: string; clock?: Clock }): Promise<Store> {
  const store = new PostgresStore(url, clock ?? null)
  try {
    await store.open()
    return store
  } catch (error) {
    await store.close()
    throw unopened(error, url)
  }
}

type Run = (query: Query) => Promise<Rows>
/** What a transaction does between BEGIN and COMMIT. */
type Driven<T> = (tx: Tx, run: Run) => Promise<T>

/** A grouped command, and how to answer it. */
interface Grouped {
  readonly body: (tx: Tx) => Work<unknown>
  readonly independent: boolean
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

class PostgresStore implements Store {
  readonly dialect = 'postgres'
  readonly #url: string
  readonly #clock: Clock | null
  readonly #pool: Pool
  readonly #compiler = makeCompiler('postgres')
  readonly #ears = new Ears()
  readonly #wire: NoteWire
  readonly #underWay = new Set<Promise<unknown>>()
  #groupQueue: Grouped[] = []
  #groups = 0
  #groupDue = false
  #closed = false

  constructor(url: string, clock: Clock | null) {
    this.#url = url
    this.#clock = clock
    this.#pool = new pg.Pool({ ...connectionConfig(url), max: poolSize, idleTimeoutMillis: 30_000 })
    this.#pool.on('error', () => {}) // an idle connection broke: the pool drops it and makes another
    this.#pool.on('connect', (client) => client.on('error', () => {})) // a busy one broke: its query rejects
    this.#wire = new NoteWire({ url, replicaId: randomUUID(), hear: (notes) => this.#ears.tell(notes) })
  }

  async open(): Promise<void> {
    await this.run((tx) => migrate(tx))
    await this.#wire.open()
  }

  run<T>(work: (tx: Tx) => Work<T>, options: RunOptions = {}): Promise<T> {
    if (this.#closed) return Promise.reject(closedStore())
    return this.#track(options.group === true ? this.#inGroup(work, options.independent === true) : this.#alone(work))
  }

  read<T>(work: (tx: Tx) => Work<T>): Promise<T> {
    if (this.#closed) return Promise.reject(closedStore())
    return this.#track(this.#transaction(beginRead, work).then(({ value }) => value))
  }

  listen(hear: (note: Note) => void): () => void {
    return this.#ears.listen(hear)
  }

  tell(notes: readonly Note[]): Promise<void> {
    return this.#wire.send(notes)
  }

  lead(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    return leadPostgres(this.#url, work, signal)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.allSettled(this.#underWay)
    await this.#wire.close()
    await this.#pool.end()
  }

  async #track<T>(promise: Promise<T>): Promise<T> {
    this.#underWay.add(promise)
    try {
      return await promise
    } finally {
      this.#underWay.delete(promise)
    }
  }

  async #alone<T>(work: (tx: Tx) => Work<T>): Promise<T> {
    const { value, notes } = await this.#transaction(begin, work)
    this.#tell(notes)
    return value
  }

  /** One transaction from BEGIN to COMMIT, again when the database chose it as the victim of a conflict. */
  async #transaction<T>(start: string, work: (tx: Tx) => Work<T>): Promise<{ value: T; notes: Note[] }> {
    for (let n = 1; ; n += 1) {
      try {
        return await this.#once(start, (tx, run) => drive(work(tx), run))
      } catch (error) {
        if (n === tries || !isConflict(error)) throw translated(error)
        await systemClock.sleep(Math.random() * 5 * 2 ** n) // apart from the other victim: up to 10, 20, 40 … ms
      }
    }
  }

  async #once<T>(start: string, work: Driven<T>): Promise<{ value: T; notes: Note[] }> {
    const client = await this.#pool.connect()
    let broken = false
    try {
      const now = this.#clock?.now() ?? 0
      const started = (await client.query(start)) as unknown as QueryResult<{ now: number }>[] // two statements: two results
      const notes: Note[] = []
      const tx: Tx = {
        dialect: 'postgres',
        now: this.#clock === null ? (started[1]?.rows[0]?.now ?? 0) : now,
        db: this.#compiler,
        notify: (note) => notes.push(note),
      }
      const value = await work(tx, (query) => execute(client, query))
      await client.query('COMMIT')
      return { value, notes }
    } catch (error) {
      broken = isOutage(error) || !(await rolledBack(client))
      throw error
    } finally {
      client.release(broken)
    }
  }

  #inGroup<T>(work: (tx: Tx) => Work<T>, independent: boolean): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const settle = resolve as (value: unknown) => void // body gives a T
      this.#groupQueue.push({ body: work, independent, resolve: settle, reject })
      this.#dueGroup()
    })
  }

  #dueGroup(): void {
    if (this.#groupDue || this.#groups >= groupsAtOnce || this.#groupQueue.length === 0) return
    this.#groupDue = true
    setImmediate(() => {
      this.#groupDue = false
      const batch = this.#groupQueue.splice(0, groupCommands)
      if (batch.length === 0) return
      this.#groups += 1
      void this.#track(
        this.#runGroup(batch).finally(() => {
          this.#groups -= 1
          this.#dueGroup()
        }),
      )
      this.#dueGroup()
    })
  }

  /**
   * All in one transaction without savepoints: the good case costs nothing extra. If one fails, everything is rolled back and each runs
   * alone, so that a failure takes nobody along. Never rejects.
   */
  async #runGroup(batch: readonly Grouped[]): Promise<void> {
    if (batch.length > 1) {
      try {
        const { value, notes } = await this.#once(begin, (tx, run) => together(batch, tx, run))
        batch.forEach((each, i) => {
          each.resolve(value[i])
        })
        this.#tell(notes)
        return
      } catch (error) {
        // Whether a COMMIT that was cut off happened is unknown, so nothing is run twice. Else one of them failed: each alone, below.
        if (isOutage(error)) {
          for (const each of batch) each.reject(translated(error))
          return
        }
      }
    }
    await Promise.all(batch.map((each) => this.#alone(each.body).then(each.resolve, each.reject)))
  }

  #tell(notes: readonly Note[]): void {
    const told = coalesce(notes)
    this.#ears.tell(told)
    void this.#wire.send(told) // never rejects
  }
}

/** Those that depend on nobody in step, then the others one after the other. Answers in the order of the batch. */
async function together(batch: readonly Grouped[], tx: Tx, run: Run): Promise<unknown[]> {
  const free = batch.filter((each) => each.independent)
  const answers = await driveTogether(
    free.map((each) => each.body(tx)),
    run,
  )
  const byCommand = new Map<Grouped, unknown>(free.map((each, i) => [each, answers[i]]))
  for (const each of batch) if (!each.independent) byCommand.set(each, await drive(each.body(tx), run))
  return batch.map((each) => byCommand.get(each))
}

/** False when the connection is no longer good for anything. */
async function rolledBack(client: PoolClient): Promise<boolean> {
  try {
    await client.query('ROLLBACK')
    return true
  } catch {
    return false
  }
}

function closedStore(): Problem {
  return new Problem('unavailable', 'the store is closed; the server is stopping')
}

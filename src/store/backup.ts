// Backup and restore of either database, as rows: taken from a server at work, and put into SQLite or PostgreSQL alike.

import { sql } from 'kysely'
import { Problem } from '../core/problem.ts'
import type { ArchiveHeader, ArchiveLine } from './backup-archive.ts'
import { archiveFormat, readArchive, writeArchive } from './backup-archive.ts'
import type { BackupPlace, BackupSession } from './backup-session.ts'
import { openSession } from './backup-session.ts'
import { countOn, insertRows, pageAfter, tableShapes } from './backup-tables.ts'
import { migrate } from './migrate.ts'
import { migrations } from './migrations/list.ts'
import type { Row, Tx, Work } from './port.ts'
import { change, changeBy, rowsOf } from './query.ts'
import { noteRestore } from './restored.ts'

/** Where blobs are; the parts of the blob port that are used here. */
export interface BackupBlobs {
  put(cid: string, bytes: Uint8Array): Promise<void>
  get(cid: string): Promise<Uint8Array | null>
}

export interface BackupGiven extends BackupPlace {
  readonly path: string
  readonly blobs: BackupBlobs
  /** Of this capstan. */
  readonly version: string
}

export interface BackupDone {
  readonly rows: number
  readonly blobs: number
  /** Blobs that the database names and the folder does not have. */
  readonly missing: readonly string[]
  readonly at: number
}

/** Bytes of a blob on one line. A multiple of three, so that the base64 of the pieces is that of the whole. */
const pieceBytes = 393_216
/** Rows in one insert: SQLite takes 32766 values. */
const insertedRows = 50

/**
 * Writes all that the server knows into one file, as it was at one moment; the server may be at work. Throws `configuration` when there is
 * no database or one of a newer capstan, `unavailable` when PostgreSQL does not answer.
 */
export async function backup(given: BackupGiven): Promise<BackupDone> {
  await using session = await openSession(given, 'read')
  const schema = await schemaOf(session)
  const archive = writeArchive(given.path)
  try {
    const { dialect, now: at } = session
    await archive.write({ capstan: 'backup', format: archiveFormat, schema, dialect, version: given.version, at })
    let rows = 0
    for (const shape of await session.run(tableShapes)) {
      if (shape.name === 'migrations') continue // the restore makes its own
      await archive.write({ table: shape.name, columns: [...shape.columns] })
      for (let last: Row | null = null; ; ) {
        const page: Row[] = await session.run((tx) => pageAfter(tx, shape, last))
        for (const row of page)
          await archive.write(shape.columns.map((column) => row[column] as string | number | null)) // what the two databases have
        rows += page.length
        last = page.at(-1) ?? null
        if (last === null) break
      }
    }
    const { blobs, missing } = await writeBlobs(session, given.blobs, archive.write)
    await archive.write({ end: { rows, blobs } })
    await archive.finish()
    return { rows, blobs, missing, at }
  } catch (error) {
    await archive.discard()
    throw error
  }
}

async function schemaOf(session: BackupSession): Promise<number> {
  const names = (await session.run(tableShapes)).map((shape) => shape.name)
  const [row] = names.includes('migrations')
    ? await session.run((tx) => rowsOf(tx, sql<{ at: number | null }>`select max(version) as at from migrations`))
    : []
  if (row?.at === null || row?.at === undefined)
    throw new Problem('configuration', 'the database holds nothing of Capstan; start a server on it first')
  return row.at
}

/** After the rows: a blob is written before its row, so what the rows of this moment name is there. */
async function writeBlobs(
  session: BackupSession,
  blobs: BackupBlobs,
  write: (line: ArchiveLine) => Promise<void>,
): Promise<{ blobs: number; missing: string[] }> {
  const named = await session.run((tx) => rowsOf(tx, sql<{ cid: string }>`select distinct cid from blobs order by cid`))
  const missing: string[] = []
  for (const { cid } of named) {
    const bytes = await blobs.get(cid)
    if (bytes === null) {
      missing.push(cid)
      continue
    }
    await write({ blob: cid, bytes: bytes.length })
    for (let from = 0; from < bytes.length; from += pieceBytes) {
      await write(Buffer.from(bytes.subarray(from, from + pieceBytes)).toString('base64'))
    }
  }
  return { blobs: named.length - missing.length, missing }
}

export interface Restored extends ArchiveHeader {
  readonly rows: number
  readonly blobs: number
}

/**
 * Puts a backup into an empty database, all or nothing, and brings its tables to this build's version. A server that is started on it goes
 * on from the moment of the backup. Throws `in_use` while a server runs on the database, `configuration` when it holds a server's data, for a file that is no whole backup or one of a newer capstan.
 */
export async function restore(given: BackupPlace & { path: string; blobs: BackupBlobs }): Promise<Restored> {
  const lines = readArchive(given.path)
  const head = await readHeader(given.path, lines)
  await using session = await openSession(given, 'write')
  await session.run((tx) => emptyTables(tx, head.schema))
  const put = new Putter(session, given.blobs)
  for await (const line of lines) await put.take(line)
  await session.run(function* (tx) {
    yield* countOn(tx)
    yield* migrate(tx)
    // Nobody is connected, and no row gets a number that a daemon has seen on another.
    yield* changeBy(tx, sql`update daemons set connection_id = null, message_seq = message_seq + ${seqLeap}`)
    yield* noteRestore(tx, head.at)
  })
  await session.commit()
  return { ...head, rows: put.rows, blobs: put.blobs }
}

/** More messages than a daemon gets between a backup and its restore. */
const seqLeap = 1_000_000

async function readHeader(path: string, lines: AsyncGenerator<ArchiveLine>): Promise<ArchiveHeader> {
  const { value: head } = await lines.next()
  if (typeof head !== 'object' || !('capstan' in head))
    throw new Problem('configuration', `${path} is not a backup of Capstan`)
  const newest = migrations.at(-1)?.version ?? 0
  if (head.format > archiveFormat || head.schema > newest) {
    const theirs = `${path} was written by capstan ${head.version} (tables of version ${head.schema})`
    throw new Problem('configuration', `${theirs}; this one knows ${newest}: upgrade capstan`)
  }
  return head
}

function* emptyTables(tx: Tx, schema: number): Work<void> {
  const there = (yield* tableShapes(tx)).map((shape) => shape.name)
  if (there.includes('migrations'))
    throw new Problem(
      'configuration',
      'the database already holds a server’s data; name an empty folder with --data, or an empty database with --database',
    )
  yield* migrate(
    tx,
    migrations.filter((each) => each.version <= schema),
  )
  // What a migration itself inserts is in the backup too.
  for (const name of (yield* tableShapes(tx)).map((shape) => shape.name).reverse())
    if (name !== 'migrations') yield* change(sql`delete from ${sql.table(name)}`.compile(tx.db))
}

/** Takes the lines after the header in turn. */
class Putter {
  readonly #session: BackupSession
  readonly #blobs: BackupBlobs
  #table: { readonly table: string; readonly columns: readonly string[] } | null = null
  #waiting: (readonly unknown[])[] = []
  #blob: { readonly cid: string; readonly bytes: number; readonly pieces: Buffer[] } | null = null
  rows = 0
  blobs = 0

  constructor(session: BackupSession, blobs: BackupBlobs) {
    this.#session = session
    this.#blobs = blobs
  }

  async take(line: ArchiveLine): Promise<void> {
    if (Array.isArray(line)) return this.#row(line)
    if (typeof line === 'string') {
      this.#blob?.pieces.push(Buffer.from(line, 'base64'))
      return
    }
    await this.#flush()
    if ('table' in line) this.#table = line
    else if ('blob' in line) this.#blob = { cid: line.blob, bytes: line.bytes, pieces: [] }
    else if ('end' in line && (line.end.rows !== this.rows || line.end.blobs !== this.blobs))
      throw new Problem('configuration', `the backup counts ${line.end.rows} rows and holds ${this.rows}; take another`)
  }

  async #row(values: readonly unknown[]): Promise<void> {
    if (values.length !== this.#table?.columns.length)
      throw new Problem('configuration', `a row of table ${this.#table?.table ?? 'none'} has ${values.length} values`)
    this.#waiting.push(values)
    if (this.#waiting.length >= insertedRows) await this.#flush()
  }

  async #flush(): Promise<void> {
    const [table, rows, blob] = [this.#table, this.#waiting, this.#blob]
    this.#waiting = []
    this.#blob = null
    if (table !== null && rows.length > 0) await this.#session.run((tx) => insertRows(tx, table, rows))
    this.rows += rows.length
    if (blob === null) return
    await this.#blobs.put(blob.cid, Buffer.concat(blob.pieces)) // refuses bytes that are not the id's
    this.blobs += 1
  }
}

// The file of a backup: gzip over lines of JSON. It is whole or it says that it is not: the last line counts the others.
//
//   {"capstan":"backup","format":1,"schema":1,…}          what it is, and from which version of the tables
//   {"table":"tasks","columns":["seq","id",…]}   [1,"task_…",…] …     each table in an order that satisfies references
//   {"blob":"sha256-…","bytes":1234}             "base64…" …          each blob in pieces
//   {"end":{"rows":10,"blobs":1}}

import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { z } from 'zod'
import { Problem } from '../core/problem.ts'

export const archiveFormat = 1

const header = z.object({
  capstan: z.literal('backup'),
  format: z.number().int(),
  /** Of the tables: the number of their last migration. */
  schema: z.number().int(),
  dialect: z.enum(['sqlite', 'postgres']),
  version: z.string().describe('Of the capstan that wrote it'),
  at: z.number().int().describe('ms since the epoch, by the database that was read'),
})
export type ArchiveHeader = z.infer<typeof header>

const line = z.union([
  header,
  z.object({ table: z.string(), columns: z.array(z.string()).min(1) }),
  z.array(z.union([z.string(), z.number(), z.null()])),
  z.object({ blob: z.string(), bytes: z.number().int() }),
  z.string(),
  z.object({ end: z.object({ rows: z.number().int(), blobs: z.number().int() }) }),
])
export type ArchiveLine = z.infer<typeof line>

export interface ArchiveWriter {
  /** Resolves when more may be written. */
  write(line: ArchiveLine): Promise<void>
  /** Resolves when the file is whole, on disk and under its name. */
  finish(): Promise<void>
  /** Leaves nothing behind. */
  discard(): Promise<void>
}

/** Writes beside and renames at the end; 0600, as tasks and transcripts are nobody else's business. */
export function writeArchive(path: string): ArchiveWriter {
  const beside = `${path}.${process.pid}.tmp`
  const gzip = createGzip()
  const written = pipeline(gzip, createWriteStream(beside, { mode: 0o600 }))
  const over = new AbortController()
  written.then(
    () => over.abort(),
    () => over.abort(),
  )
  return {
    write: async (each) => {
      if (over.signal.aborted) await written // the disk failed: say how
      if (!gzip.write(`${JSON.stringify(each)}\n`)) await drained(gzip, over.signal)
    },
    finish: async () => {
      gzip.end()
      await written
      const file = await open(beside, 'r+')
      await file.sync()
      await file.close()
      await rename(beside, path)
    },
    discard: async () => {
      gzip.destroy()
      await written.catch(() => {}) // it is given up anyway
      await rm(beside, { force: true })
    },
  }
}

/** Reads a backup line by line. Throws `configuration` for a file that is none, is damaged or is cut. */
export async function* readArchive(path: string): AsyncGenerator<ArchiveLine> {
  const gunzip = createGunzip()
  const reading = pipeline(createReadStream(path), gunzip)
  reading.catch(() => {}) // the lines end, and it is awaited below
  let ended = false
  let first = true
  try {
    for await (const text of createInterface({ input: gunzip, crlfDelay: Number.POSITIVE_INFINITY })) {
      const parsed = readLine(path, text)
      if (first && !(isObject(parsed) && 'capstan' in parsed)) throw noBackup(path)
      first = false
      ended = isObject(parsed) && 'end' in parsed
      yield parsed
    }
    await reading
  } catch (cause) {
    if (cause instanceof Problem) throw cause
    if (first) throw noBackup(path, cause)
    throw new Problem('configuration', `${path} is damaged or cut short; take another backup`, { cause })
  }
  if (!ended) throw first ? noBackup(path) : new Problem('configuration', `${path} is cut short; take another backup`)
}

function readLine(path: string, text: string): ArchiveLine {
  try {
    return line.parse(JSON.parse(text))
  } catch (cause) {
    throw new Problem('configuration', `${path} holds a line that no backup has: ${text.slice(0, 60)}`, { cause })
  }
}

function noBackup(path: string, cause?: unknown): Problem {
  return new Problem('configuration', `${path} is not a backup of Capstan`, { cause })
}

function isObject(value: ArchiveLine): value is Exclude<ArchiveLine, string | unknown[]> {
  return typeof value === 'object' && !Array.isArray(value)
}

function drained(stream: NodeJS.WritableStream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    stream.once('drain', done)
    signal.addEventListener('abort', done, { once: true })
  })
}

// plainjob on SQLite, in this process, with the durability of an acknowledged job that Capstan has.

import { join } from 'node:path'
import type { Queue } from '../queue.ts'
import { importPeer } from './import.ts'

interface Jobs {
  add(type: string, data: object): unknown
  addMany(type: string, data: readonly object[]): unknown
  close(): void
}

interface PlainJob {
  better(database: unknown): unknown
  defineQueue(options: object): Jobs
  defineWorker(type: string, handle: () => void, options: object): { start(): Promise<void>; stop(): Promise<void> }
}

interface BetterSqlite {
  default: new (path: string) => { pragma(text: string): unknown }
}

const silent = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} }

export async function openPlainJob(dir: string, synchronous: 'FULL' | 'NORMAL'): Promise<Queue> {
  const { better, defineQueue, defineWorker } = await importPeer<PlainJob>('plainjob')
  const { default: Database } = await importPeer<BetterSqlite>('better-sqlite3')
  const database = new Database(join(dir, `plainjob-${process.hrtime.bigint()}.db`))
  const queue = defineQueue({ connection: better(database), logger: silent })
  database.pragma(`synchronous = ${synchronous}`)
  return {
    // Its add is synchronous: without a turn of the event loop its worker would never run beside it.
    add: async () => {
      queue.add('job', { prompt: 'echo hello' })
      await new Promise((resolve) => setImmediate(resolve))
    },
    addMany: async (count) =>
      queue.addMany(
        'job',
        Array.from({ length: count }, () => ({ prompt: 'echo hello' })),
      ),
    work: async ({ started, ended }) => {
      const handle = () => {
        started?.()
        ended?.()
      }
      const worker = defineWorker('job', handle, { queue, logger: silent, pollIntervall: 10 })
      const done = worker.start()
      return async () => {
        await worker.stop()
        await done
      }
    },
    [Symbol.asyncDispose]: async () => queue.close(),
  }
}

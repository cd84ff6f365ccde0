// BullMQ on a real Redis.

import { producers, type Queue } from '../queue.ts'
import { importPeer } from './import.ts'

interface BullMq {
  Queue: new (
    name: string,
    options: object,
  ) => {
    add(name: string, data: object): Promise<unknown>
    addBulk(jobs: readonly object[]): Promise<unknown>
    obliterate(options: object): Promise<void>
    close(): Promise<void>
  }
  Worker: new (
    name: string,
    handle: () => Promise<void>,
    options: object,
  ) => {
    waitUntilReady(): Promise<unknown>
    close(force?: boolean): Promise<void>
    on(event: 'error', hear: () => void): void
  }
}

let opened = 0

export async function openBullMq(port: number): Promise<Queue> {
  const { Queue: Jobs, Worker } = await importPeer<BullMq>('bullmq')
  const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null }
  opened += 1
  const name = `bench-${process.pid}-${opened}`
  // One connection each: over a shared one the adds of all producers would be pipelined, as no two programs' adds can be.
  const all = Array.from({ length: producers }, () => new Jobs(name, { connection }))
  const jobs = all[0]
  if (jobs === undefined) throw new Error('there are no producers')
  let turn = 0
  return {
    add: async () => {
      turn += 1
      await all[turn % producers]?.add('job', { prompt: 'echo hello' })
    },
    addMany: async (count) => {
      for (let left = count; left > 0; left -= 500) {
        const size = Math.min(500, left)
        await jobs.addBulk(Array.from({ length: size }, () => ({ name: 'job', data: { prompt: 'echo hello' } })))
      }
    },
    work: async ({ started, ended }) => {
      const handle = async () => {
        started?.()
        ended?.()
      }
      const worker = new Worker(name, handle, { connection, concurrency: 50 })
      worker.on('error', () => {}) // a blocking read cut off by close
      await worker.waitUntilReady()
      return () => worker.close()
    },
    [Symbol.asyncDispose]: async () => {
      await jobs.obliterate({ force: true })
      for (const each of all) await each.close()
    },
  }
}

// BullMQ on a real Redis.

import type { Queue } from '../queue.ts'
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

let count = 0

export async function openBullMq(port: number): Promise<Queue> {
  const { Queue: Jobs, Worker } = await importPeer<BullMq>('bullmq')
  const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null }
  count += 1
  const name = `bench-${process.pid}-${count}`
  const jobs = new Jobs(name, { connection })
  return {
    add: () => jobs.add('job', { prompt: 'echo hello' }),
    addMany: async (all) => {
      for (let left = all; left > 0; left -= 500) {
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
      await jobs.close()
    },
  }
}

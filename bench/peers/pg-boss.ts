// pg-boss on a real PostgreSQL: a loop of fetch and complete, which is its fastest way.

import type { Queue } from '../queue.ts'
import { importPeer } from './import.ts'

interface PgBoss {
  PgBoss: new (
    options: object,
  ) => {
    on(event: 'error', hear: () => void): void
    start(): Promise<unknown>
    stop(options: object): Promise<void>
    createQueue(name: string): Promise<void>
    send(name: string, data: object): Promise<unknown>
    insert(name: string, jobs: readonly object[]): Promise<unknown>
    fetch(name: string, options: object): Promise<readonly { id: string }[]>
    complete(name: string, ids: readonly string[]): Promise<unknown>
  }
}

const queue = 'jobs'
const fetchers = 4
/** Between two looks of a fetcher that found nothing, ms. */
const idleMs = 2

export async function openPgBoss(url: string): Promise<Queue> {
  const { PgBoss: Boss } = await importPeer<PgBoss>('pg-boss')
  const boss = new Boss({ connectionString: url, max: 30, supervise: false, schedule: false })
  boss.on('error', () => {})
  await boss.start()
  await boss.createQueue(queue)
  return {
    add: () => boss.send(queue, { prompt: 'echo hello' }),
    addMany: async (count) => {
      for (let left = count; left > 0; left -= 1_000) {
        const size = Math.min(1_000, left)
        await boss.insert(
          queue,
          Array.from({ length: size }, () => ({ data: { prompt: 'echo hello' } })),
        )
      }
    },
    work: async ({ started, ended }) => {
      const over = new AbortController()
      const loop = async () => {
        while (!over.signal.aborted) {
          const jobs = await boss.fetch(queue, { batchSize: 50 })
          for (const _ of jobs) started?.()
          if (jobs.length === 0) await new Promise((resolve) => setTimeout(resolve, idleMs))
          else
            await boss.complete(
              queue,
              jobs.map((job) => job.id),
            )
          for (const _ of jobs) ended?.()
        }
      }
      const loops = Array.from({ length: fetchers }, loop)
      return async () => {
        over.abort()
        await Promise.all(loops)
      }
    },
    [Symbol.asyncDispose]: () => boss.stop({ graceful: true, timeout: 1_000 }),
  }
}

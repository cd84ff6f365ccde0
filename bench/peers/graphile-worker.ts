// graphile-worker on a real PostgreSQL: by its defaults with enough jobs at once, and as its manual says is fastest.

import pg from 'pg'
import type { Queue } from '../queue.ts'
import { importPeer } from './import.ts'

interface Graphile {
  Logger: new (make: () => () => void) => unknown
  run(options: object): Promise<{ stop(): Promise<void>; promise: Promise<void> }>
  makeWorkerUtils(options: object): Promise<{
    migrate(): Promise<void>
    addJob(name: string, payload: object): Promise<unknown>
    release(): Promise<void>
  }>
}

const best = {
  concurrentJobs: 24,
  maxPoolSize: 30,
  localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
}
const plain = { concurrentJobs: 24, maxPoolSize: 30 }

export async function openGraphile(url: string, how: 'default' | 'best'): Promise<Queue> {
  const { Logger, run, makeWorkerUtils } = await importPeer<Graphile>('graphile-worker')
  const logger = new Logger(() => () => {})
  const pgPool = new pg.Pool({ connectionString: url, max: 40 })
  pgPool.on('error', () => {}) // a connection that ends with the server
  pgPool.on('connect', (client) => client.on('error', () => {}))
  const utils = await makeWorkerUtils({ pgPool, logger })
  await utils.migrate()
  return {
    add: () => utils.addJob('job', { prompt: 'echo hello' }),
    addMany: (count) =>
      pgPool.query(
        `select graphile_worker.add_jobs(array(select row('job', '{"prompt":"echo hello"}'::json, null, null, null, null, null, null)::graphile_worker.job_spec from generate_series(1, $1)))`,
        [count],
      ),
    work: async ({ started, ended }) => {
      const handle = async () => {
        started?.()
        ended?.()
      }
      const worker = { ...(how === 'best' ? best : plain) }
      const runner = await run({
        pgPool,
        logger,
        noHandleSignals: true,
        taskList: { job: handle },
        concurrency: worker.concurrentJobs,
        preset: { worker },
      })
      return async () => {
        await runner.stop()
        await runner.promise
      }
    },
    // With its local queue on, the ends of jobs are written in batches after their handlers.
    settled: async () => {
      const { rowCount } = await pgPool.query('select 1 from graphile_worker._private_jobs limit 1')
      return rowCount === 0
    },
    [Symbol.asyncDispose]: async () => {
      await utils.release()
      await pgPool.end()
    },
  }
}

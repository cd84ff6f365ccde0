// B1: tasks streamed through the embedded server, over its real API, against peers that are given the same jobs.

import { join } from 'node:path'
import type { Bench } from './bench.ts'
import { queueAt, startServerProcess } from './capstan.ts'
import type { Figure, Line } from './figure.ts'
import { compare } from './figure.ts'
import { interleaved, type Subject } from './measure.ts'
import { openBullMq } from './peers/bullmq.ts'
import { openGraphile } from './peers/graphile-worker.ts'
import { openPgBoss } from './peers/pg-boss.ts'
import { openPlainJob } from './peers/plainjob.ts'
import { type Queue, streamed } from './queue.ts'

export const embedded: Figure = {
  id: 'B1',
  title: 'Embedded: create, claim, complete over HTTP and WebSocket, every answer after fdatasync',
  run,
}

async function run(bench: Bench): Promise<Line[]> {
  await using stack = new AsyncDisposableStack()
  const dir = bench.dir()
  const server = await startServerProcess({ database: join(dir, 'capstan.db'), dataDir: dir })
  stack.defer(() => server.stop())
  const redis = await bench.redis('always')
  const graphile = await bench.database()
  const boss = await bench.database()
  const subjects: Record<string, Subject> = {
    capstan: () => turn(queueAt([server.line]), bench.count(8_000)),
    plainjob: async () => turn(await openPlainJob(bench.dir(), 'FULL'), bench.count(3_000)),
    'graphile-worker': async () => turn(await openGraphile(graphile, 'best'), bench.count(3_000)),
    'pg-boss': async () => turn(await openPgBoss(boss), bench.count(3_000)),
  }
  if (redis !== null) subjects.BullMQ = async () => turn(await openBullMq(redis.port), bench.count(3_000))
  const found = await interleaved(bench.rounds, subjects)
  const line = (name: string, peer: string, atLeast: number): Line => {
    const theirs = found[name]?.rate
    const what = `streamed tasks, against ${peer}`
    if (theirs === undefined) return { what, skipped: 'there is no redis-server on this machine' }
    return compare(what, 'tasks/s', [found.capstan?.rate ?? Number.NaN, peer, theirs], { atLeast })
  }
  return [
    line('BullMQ', 'BullMQ, AOF always', 3),
    line('pg-boss', 'pg-boss, fetch loop', 5),
    line('graphile-worker', 'graphile-worker, best', 5),
    line('plainjob', 'plainjob, FULL', 2),
  ]
}

async function turn(queue: Queue, count: number) {
  await using open = queue
  return await streamed(open, count)
}

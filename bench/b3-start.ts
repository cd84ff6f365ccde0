// B3: how long a task waits on an idle server until a daemon has it, and until its agent's process runs.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench } from './bench.ts'
import { queueAt, startServerProcess } from './capstan.ts'
import type { Figure, Line } from './figure.ts'
import { compare } from './figure.ts'
import { Host } from './host.ts'
import { interleaved, median, quantile, type Sample, type Subject, until } from './measure.ts'
import { openBullMq } from './peers/bullmq.ts'
import { openGraphile } from './peers/graphile-worker.ts'
import { type Queue, starts } from './queue.ts'

export const start: Figure = { id: 'B3', title: 'From POST to a daemon that has the task, and to a running agent', run }

async function run(bench: Bench): Promise<Line[]> {
  return [...(await claims(bench)), ...(await agents(bench))]
}

async function claims(bench: Bench): Promise<Line[]> {
  await using stack = new AsyncDisposableStack()
  const dir = bench.dir()
  const server = await startServerProcess({ database: join(dir, 'capstan.db'), dataDir: dir })
  stack.defer(() => server.stop())
  const redis = await bench.redis('always')
  const graphile = await bench.database()
  const count = bench.count(200)
  const turn = async (queue: Queue) => {
    await using open = queue
    return await starts(open, count)
  }
  const subjects: Record<string, Subject> = {
    capstan: () => turn(queueAt([server.line], { daemons: 1 })),
    graphile: async () => turn(await openGraphile(graphile, 'default')),
  }
  if (redis !== null) subjects.bullmq = async () => turn(await openBullMq(redis.port))
  const found = await interleaved(bench.rounds, subjects)
  const line = (peer: string, name: string, atMost: number): Line => {
    const [ours, theirs] = [found.capstan, found[peer]]
    const what = `POST → the daemon has the claim, p50, against ${name}`
    if (theirs === undefined) return { what, skipped: 'there is no redis-server on this machine' }
    const p50 = [ours?.p50 ?? Number.NaN, name, theirs.p50 ?? Number.NaN] as const
    return { ...compare(what, 'ms', p50, { atMost }), note: p99Note(ours, theirs) }
  }
  return [line('graphile', 'graphile-worker', 0.8), line('bullmq', 'BullMQ, AOF always', 1)]
}

async function agents(bench: Bench): Promise<Line[]> {
  await using host = await Host.start(bench, 4)
  const dir = bench.dir()
  let n = 0
  const timed = async (begin: (file: string) => Promise<() => Promise<unknown>>) => {
    const found: number[] = []
    for (let i = 0; i < bench.count(30); i += 1) {
      n += 1
      const file = join(dir, `f${n}`)
      const begun = performance.now()
      const beginning = begin(file)
      await until('the process', () => existsSync(file), 20_000)
      found.push(performance.now() - begun)
      const ended = await beginning
      await ended() // the next starts on an idle host
    }
    return { p50: median(found), p99: quantile(found, 0.99) }
  }
  const found = await interleaved(bench.rounds, {
    capstan: () =>
      timed(async (file) => {
        const { id } = await host.shell(`: > ${file}`)
        return () => until(`${id} to end`, async () => (await host.task(id)).endedAt !== null)
      }),
    spawn: () =>
      timed(async (file) => {
        const child = spawn('/bin/sh', ['-c', `: > ${file}`], { stdio: 'ignore' })
        const closed = new Promise((resolve) => child.once('close', resolve))
        return () => closed
      }),
  })
  const { capstan, spawn: bare } = found
  const what = 'POST → the agent runs (shell, scratch), p50, against a spawn of sh'
  const values = [capstan.p50 ?? Number.NaN, 'spawn of sh', bare.p50 ?? Number.NaN] as const
  return [{ ...compare(what, 'ms', values, { atMost: 5 }), note: p99Note(capstan, bare) }]
}

function p99Note(ours: Sample | undefined, theirs: Sample): string {
  return `p99 ${ours?.p99?.toFixed(1)} and ${theirs.p99?.toFixed(1)} ms`
}

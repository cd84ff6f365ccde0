// B7: what it costs to start an agent, to keep it, and to read what it says.

import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { follow } from '../src/daemon/journal/follow.ts'
import { systemClock } from '../src/lib/clock.ts'
import { listProcesses } from '../src/lib/proc.ts'
import type { SpawnArgument, SpawnLine } from './b7-process.ts'
import type { Bench } from './bench.ts'
import type { Figure, Line } from './figure.ts'
import { compare } from './figure.ts'
import { Host } from './host.ts'
import { interleaved, median, millis, type Sample } from './measure.ts'
import { startProcess } from './processes.ts'

export const agents: Figure = { id: 'B7', title: 'Agents: their start, their supervisor, their output', run }

async function run(bench: Bench): Promise<Line[]> {
  return [...(await startLines(bench)), ...(await memory(bench)), await following(bench)]
}

async function startLines(bench: Bench): Promise<Line[]> {
  const measure = async (how: SpawnArgument['how'], ballastMb: number): Promise<Sample> => {
    const argument: SpawnArgument = { how, ballastMb, count: bench.count(40), dir: bench.dir() }
    const child = await startProcess<SpawnLine>('b7-process.ts', argument)
    await child.stop()
    return { p50: child.line.p50 }
  }
  const found = await interleaved(bench.rounds, {
    bare: () => measure('bare', 0),
    small: () => measure('supervised', 0),
    large: () => measure('supervised', 1_500),
  })
  const get = (name: keyof typeof found) => found[name].p50 ?? Number.NaN
  return [
    compare(
      'agent started under its supervisor, p50, against a bare spawn',
      'ms',
      [get('small'), 'spawn of sh', get('bare')],
      { atMost: 3 },
    ),
    compare('the same from a daemon of 1.6 GB, against 70 MB', 'ms', [get('large'), 'from 70 MB', get('small')], {
      atMost: 1.2,
    }),
  ]
}

async function memory(bench: Bench): Promise<Line[]> {
  const count = Math.min(100, bench.count(1_000))
  await using host = await Host.start(bench, count)
  for (let n = 0; n < count; n += 1) await host.shell('exec sleep 600')
  await host.running(count)
  await systemClock.sleep(2_000) // what starting needed is free again
  const sizes = await supervisorSizes()
  const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${host.daemon.pid}/status`, 'utf8'))?.[1]) / 1_024
  const pss = {
    ...compare('supervisor with its helpers, PSS', 'MB', [median(sizes), 'limit', 4], { atMost: 1 }),
    note: `${sizes.length} measured`,
  }
  return [pss, compare(`daemon with ${count} idle attempts, RSS`, 'MB', [rss, 'limit', 120], { atMost: 1 })]
}

/** PSS of each supervisor with its helpers, in MB: the sh processes of its session and the sleeps they wait on, not the agent. */
async function supervisorSizes(): Promise<number[]> {
  const all = await listProcesses()
  const mine = all.filter((each) => readCommand(each.pid).includes('capstan-bench-') && each.session === each.pid)
  return mine.map((supervisor) => {
    const members = all.filter(
      (each) => each.session === supervisor.pid && !readCommand(each.pid).includes('sleep 600'),
    )
    return members.reduce((sum, each) => sum + pssOf(each.pid), 0) / 1_024
  })
}

function readCommand(pid: number): string {
  return readProc(pid, 'cmdline').replaceAll('\0', ' ')
}

function pssOf(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(readProc(pid, 'smaps_rollup'))?.[1] ?? 0)
}

function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return '' // it ended meanwhile
  }
}

async function following(bench: Bench): Promise<Line> {
  const dir = bench.dir()
  const count = bench.count(200_000)
  const line = `${JSON.stringify({ type: 'assistant', message: { id: 'm', content: [{ type: 'text', text: 'x'.repeat(120) }] } })}\n`
  writeFileSync(join(dir, 'stdout.log'), line.repeat(count))
  writeFileSync(join(dir, 'stderr.log'), '')
  const found = await interleaved(bench.rounds, {
    followed: async () => {
      const ended = Promise.resolve()
      const { signal } = new AbortController()
      const onLines = (lines: readonly { text: string }[]) => {
        for (const each of lines) JSON.parse(each.text)
      }
      const ms = await millis(() =>
        follow({ runDir: dir, offsets: { stdout: 0, stderr: 0 }, onLines, ended, signal, clock: systemClock }),
      )
      return { rate: (count * 1_000) / ms }
    },
    piped: async () => ({ rate: (count * 1_000) / (await millis(() => piped(join(dir, 'stdout.log')))) }),
  })
  const values = [found.followed.rate ?? Number.NaN, 'pipe, split, JSON.parse', found.piped.rate ?? Number.NaN] as const
  return compare('JSON lines followed in files, against a pipe', 'lines/s', values, { atLeast: 0.6 })
}

function piped(path: string): Promise<void> {
  const child = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'ignore'] })
  let rest = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const each of lines) JSON.parse(each)
  })
  return new Promise((resolve, reject) => {
    child.once('close', () => resolve())
    child.once('error', reject)
  })
}

// Starts agents in a process of a given size, as a daemon does, or bare.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { startRun } from '../src/daemon/supervisor/run.ts'
import { stopTree } from '../src/daemon/supervisor/stop.ts'
import { systemClock } from '../src/lib/clock.ts'
import { median } from './measure.ts'
import { given, ready } from './processes.ts'

export interface SpawnArgument {
  readonly how: 'bare' | 'supervised'
  readonly ballastMb: number
  readonly count: number
  readonly dir: string
}

export interface SpawnLine {
  readonly p50: number
}

const { how, ballastMb, count, dir } = given<SpawnArgument>()
const ballast = Array.from({ length: Math.ceil(ballastMb / 100) }, () => Buffer.alloc(104_857_600, 1))
const env = { PATH: '/usr/bin:/bin' }
const found: number[] = []
for (let n = 0; n < count; n += 1) found.push(how === 'bare' ? await bare() : await supervised(n))
ready({ p50: median(found), kept: ballast.length } satisfies SpawnLine & { kept: number }, async () => {})

async function bare(): Promise<number> {
  const begun = performance.now()
  const child = spawn('/bin/sh', ['-c', 'exec sleep 60'], { stdio: 'ignore', detached: true, env })
  await new Promise((resolve) => child.once('spawn', resolve))
  const ms = performance.now() - begun
  const closed = new Promise((resolve) => child.once('close', resolve))
  child.kill('SIGKILL')
  await closed
  return ms
}

async function supervised(n: number): Promise<number> {
  const begun = performance.now()
  const handle = await startRun({
    runDir: join(dir, `run${n}`),
    stateDir: dir,
    argv: ['/bin/sh', '-c', 'exec sleep 60'],
    env,
    cwd: dir,
    stdin: { kind: 'null' },
    marker: `att_bench${process.pid}x${n}`,
    deadlineAt: null,
    orphanAfterMs: 60_000,
    containment: { name: 'sweep' },
    clock: systemClock,
  })
  const ms = performance.now() - begun
  await stopTree(handle, { graceMs: 0, clock: systemClock })
  return ms
}

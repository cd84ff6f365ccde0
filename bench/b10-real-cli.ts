// B10: what Capstan adds to a run of a real agent CLI: Codex with a scripted model, through a daemon and by itself.

import { existsSync, mkdirSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { codex } from '../src/daemon/harness/codex.ts'
import { nothingGiven } from '../src/daemon/harness/given.ts'
import { processEnv } from '../src/lib/env.ts'
import { exec } from '../src/lib/exec.ts'
import type { ModelServer } from '../test/fakes/model-server/server.ts'
import { startModelServer } from '../test/fakes/model-server/server.ts'
import { peers, pinnedVersion } from '../test/peers/peers.ts'
import type { Bench } from './bench.ts'
import type { Figure, Line } from './figure.ts'
import { compare } from './figure.ts'
import { Host } from './host.ts'
import { interleaved, median, millis, type Sample } from './measure.ts'

export const realCli: Figure = { id: 'B10', title: 'A real agent CLI: Codex, scripted model', run }

const prompt = 'Write one line into a file.'

async function run(bench: Bench): Promise<Line[]> {
  const peer = peers.find((each) => each.harness.name === 'codex')
  const bin = peer && join(peer.folder, 'node_modules', '.bin')
  if (peer === undefined || bin === undefined || !existsSync(join(bin, 'codex'))) {
    return [{ what: 'a run of codex', skipped: 'codex is not installed; run npm run test:peers -- codex first' }]
  }
  await using server = await startModelServer()
  const home = join(bench.dir(), 'home')
  mkdirSync(home)
  const path = [bin, dirname(process.execPath), processEnv().PATH ?? ''].join(delimiter)
  const env = { PATH: path, ...peer.configure(home, server, 'write') }
  await using host = await Host.start(bench, 1, { home, env })
  const bare = () => bareRun({ bench, home, env })
  const through = () => capstanRun(host)
  await bare() // both have their caches warm
  await through()
  const count = Math.min(10, bench.count(500))
  const found = await interleaved(bench.rounds, { bare: () => many(count, bare), capstan: () => many(count, through) })
  const [ours, theirs] = [found.capstan.p50 ?? Number.NaN, found.bare.p50 ?? Number.NaN]
  const note = `codex ${pinnedVersion(peer)}, ${asked(server)} requests of the model`
  return [
    {
      ...compare('a run of codex through Capstan, p50', 'ms', [ours, 'codex by itself', theirs], { atMost: 1.15 }),
      note,
    },
    compare('what Capstan adds to it', 'ms', [ours - theirs, 'limit', 60], { atMost: 1 }),
  ]
}

function asked(server: ModelServer): number {
  return server.requests.filter((request) => request.startsWith('POST')).length
}

async function many(count: number, act: () => Promise<number>): Promise<Sample> {
  const found: number[] = []
  for (let n = 0; n < count; n += 1) found.push(await act())
  return { p50: median(found) }
}

interface Bare {
  readonly bench: Bench
  readonly home: string
  readonly env: Readonly<Record<string, string>>
}

/** The same command in an empty folder, from spawn to exit, ms. */
async function bareRun({ bench, home, env }: Bare): Promise<number> {
  const cwd = bench.dir()
  const launch = codex.launch({
    prompt,
    promptFile: join(cwd, '..', 'prompt'),
    cwd,
    model: null,
    autonomy: 'full',
    maxTurns: null,
    sessionRef: null,
    trusted: true,
    asRoot: process.getuid?.() === 0,
    env: { HOME: home },
    mcp: null,
    filesDir: cwd,
    given: nothingGiven,
  })
  const [program, ...args] = launch.argv
  const input = launch.stdin.kind === 'null' ? '' : launch.stdin.text
  const all = { HOME: home, TERM: 'dumb', LANG: 'C.UTF-8', ...env, ...launch.env, TMPDIR: cwd }
  return await millis(async () => {
    const done = await exec(program, args, { cwd, env: all, input, timeoutMs: 60_000 })
    if (done.code !== 0) throw new Error(`codex ended with exit code ${done.code}: ${done.stderr}`)
  })
}

/** From the making of the task to its end as a client sees it, ms. */
async function capstanRun(host: Host): Promise<number> {
  return await millis(async () => {
    const body = { prompt, harness: 'codex', workspace: { mode: 'scratch' as const } }
    const { id } = await host.client.call('createTask', { body })
    // As a client waits: looking again and again would take a core from the agent.
    for await (const followed of host.client.follow(id)) {
      if (followed.type !== 'task') continue
      const { task } = followed
      if (task.state === 'failed') throw new Error(`the task failed: ${task.attempts.at(-1)?.detail}`)
      if (task.endedAt !== null) return
    }
    throw new Error(`the stream of ${id} ended before the task`)
  })
}

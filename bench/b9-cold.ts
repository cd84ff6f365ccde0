// B9: the command line's own start, and an embedded server's from nothing to its first acknowledged task.

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Bench } from './bench.ts'
import type { Figure, Line } from './figure.ts'
import { compare } from './figure.ts'
import { interleaved, millis, type Sample } from './measure.ts'

const entry = resolve(import.meta.dirname, '../bin/capstan.js')
const built = resolve(import.meta.dirname, '../dist/main.js')

export const cold: Figure = { id: 'B9', title: 'Cold starts', run }

async function run(bench: Bench): Promise<Line[]> {
  if (!existsSync(built)) return [{ what: 'cold starts', skipped: 'there is no dist; run npm run build first' }]
  const home = bench.dir()
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    CAPSTAN_HOME: join(home, '.capstan'),
    XDG_CACHE_HOME: join(home, 'cache'),
  }
  const times = async (args: readonly string[]): Promise<Sample> => {
    const count = bench.count(10)
    let sum = 0
    for (let n = 0; n < count; n += 1) sum += await millis(() => finished(args, env))
    return { ms: sum / count }
  }
  await finished([entry, '--help'], env) // the first start fills the cache of compiled code
  const found = await interleaved(bench.rounds, {
    node: () => times(['-e', '0']),
    help: () => times([entry, '--help']),
    first: async () => ({ ms: await millis(() => firstTask(join(bench.dir(), 'data'), env)) }),
  })
  const get = (name: keyof typeof found) => found[name].ms ?? Number.NaN
  return [
    compare('capstan --help, against node -e 0', 'ms', [get('help'), 'node -e 0', get('node')], { atMost: 3 }),
    compare(
      'cold start to the first acknowledged task, against node -e 0',
      'ms',
      [get('first'), 'node -e 0', get('node')],
      { atMost: 10 },
    ),
  ]
}

function finished(args: readonly string[], env: Record<string, string>): Promise<void> {
  const child = spawn(process.execPath, args, { env, stdio: 'ignore' })
  return new Promise((done, fail) => {
    child.once('error', fail)
    child.once('close', (code) =>
      code === 0 ? done() : fail(new Error(`${args.join(' ')} ended with exit code ${code}`)),
    )
  })
}

/** A new data folder: database made, migrated, tokens made, listening, one task stored. */
async function firstTask(data: string, env: Record<string, string>): Promise<void> {
  mkdirSync(data)
  const args = [entry, 'server', '--json', '--listen', '127.0.0.1:0', '--data', data]
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = new Promise<void>((done) => child.once('close', () => done()))
  try {
    const line = await new Promise<string>((done, fail) => {
      child.stdout.once('data', (chunk: Buffer) => done(chunk.toString('utf8')))
      child.once('close', (code) => fail(new Error(`capstan server ended with exit code ${code}`)))
    })
    const { url, token } = JSON.parse(line) as { url: string; token: string } // the contract for scripts
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const response = await fetch(`${url}/v1/tasks`, { method: 'POST', headers, body: '{"prompt":"echo hello"}' })
    if (response.status !== 201) throw new Error(`the first task was refused: ${response.status}`)
  } finally {
    child.kill('SIGKILL')
    await closed
  }
}

// A task through the whole product: `capstan up` on a clone of this repository, one task for the peer, its diff and usage.

import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { packageRoot } from '../../src/daemon/harness/environment.ts'
import { processEnv } from '../../src/lib/env.ts'
import { exec, startDetached } from '../../src/lib/exec.ts'
import { writtenFile, writtenText } from '../fakes/model-server/script.ts'
import type { ModelServer } from '../fakes/model-server/server.ts'
import { pathFor } from './adapter-run.ts'
import type { Peer } from './peers.ts'
import type { Row } from './table.ts'

type Env = Readonly<Record<string, string>>

/** From start to the JSON line of `up`; a cold machine compiles and probes the CLIs, ms. */
const readyMs = 60_000

/** Runs one task of the peer in mode `write`. Throws, naming the folder, when a step cannot be done at all. */
export async function capstanRun(peer: Peer, server: ModelServer, root: string): Promise<Row> {
  const folder = join(root, `capstan-${peer.harness.name}`)
  const home = join(folder, 'home')
  mkdirSync(home, { recursive: true })
  const clone = await cloneOfThis(folder)
  const own = peer.configure(home, server, 'write')
  const env = { PATH: pathFor(peer), HOME: home, CAPSTAN_HOME: join(home, '.capstan'), TERM: 'dumb', ...own }
  const startedAt = performance.now()
  const up = await startUp(folder, clone, env)
  try {
    const client = { ...env, CAPSTAN_URL: up.url, CAPSTAN_TOKEN: up.token }
    const outcome = await runTask(peer, client)
    return { what: 'through capstan up', ...outcome, wallMs: performance.now() - startedAt }
  } finally {
    await stop(up.pid)
  }
}

async function cloneOfThis(folder: string): Promise<string> {
  const clone = join(folder, 'capstan-clone')
  const env = { ...processEnv(), GIT_TERMINAL_PROMPT: '0' }
  for (const args of [
    ['clone', '--quiet', '--no-hardlinks', packageRoot, clone],
    ['-C', clone, 'remote', 'remove', 'origin'], // then the slug is the folder's name
  ]) {
    const done = await exec('git', args, { env, timeoutMs: 60_000 })
    if (done.code !== 0) throw new Error(`git ${args.join(' ')} failed: ${done.stderr}`)
  }
  return clone
}

interface Up {
  readonly url: string
  readonly token: string
  readonly pid: number
}

async function startUp(folder: string, clone: string, env: Env): Promise<Up> {
  const logPath = join(folder, 'up.log')
  const bin = join(packageRoot, 'bin', 'capstan.js')
  const args = [bin, 'up', '--json', '--port', '0', '--data', join(folder, 'data'), '--workspace', clone]
  const pid = await startDetached(process.execPath, args, { cwd: clone, env, logPath })
  const deadline = performance.now() + readyMs
  while (performance.now() < deadline) {
    const ready = readyLine(logPath)
    if (ready !== null) return { ...ready, pid }
    if (!isAlive(pid)) break
    await sleep(100)
  }
  await stop(pid)
  throw new Error(`capstan up printed no JSON line with a url; its output is in ${logPath}`)
}

function readyLine(logPath: string): { url: string; token: string } | null {
  if (!existsSync(logPath)) return null
  for (const line of readFileSync(logPath, 'utf8').split('\n')) {
    if (line.startsWith('{') && line.endsWith('}') && line.includes('"url"') && line.includes('"token"')) {
      return JSON.parse(line)
    }
  }
  return null
}

interface FinalTask {
  readonly id: string
  readonly state: string
  readonly reason: string | null
  readonly attempts: readonly { readonly usage: { readonly outputTokens: number } | null; readonly detail: string }[]
}

async function runTask(peer: Peer, env: Env): Promise<{ outcome: string; problem: string | null }> {
  const what = [
    'task',
    'add',
    '--prompt',
    'Write one line into a file.',
    '--repo',
    'capstan-clone',
    '--expect',
    'changes',
  ]
  const added: FinalTask = JSON.parse((await capstan(env, [...what, '--harness', peer.harness.name, '--json'])).stdout)
  const waited = await capstan(env, ['task', 'wait', added.id, '--timeout', '120s', '--json'])
  const task: FinalTask = JSON.parse(waited.stdout)
  const attempt = task.attempts.at(-1)
  const usage = attempt?.usage ?? null
  const outcome = `${task.state}, exit ${waited.code} of task wait, ${usage?.outputTokens ?? 'no'} output tokens`
  if (task.state !== 'completed') return { outcome, problem: `${task.reason}: ${attempt?.detail}` }
  const diff = (await capstan(env, ['task', 'diff', added.id])).stdout
  const hasFile = diff.includes(`+++ b/${writtenFile}`) && diff.includes(`+${writtenText.trimEnd()}`)
  if (!hasFile) return { outcome, problem: `the diff lacks ${writtenFile}: ${diff.slice(0, 300)}` }
  return { outcome, problem: usage !== null && usage.outputTokens > 0 ? null : 'no usage came back' }
}

async function capstan(env: Env, args: readonly string[]): Promise<{ code: number | null; stdout: string }> {
  const bin = join(packageRoot, 'bin', 'capstan.js')
  const done = await exec(process.execPath, [bin, ...args], { env, timeoutMs: 150_000 })
  const stdout = done.stdout.toString('utf8')
  if (stdout === '') throw new Error(`capstan ${args.join(' ')} ended with exit code ${done.code}: ${done.stderr}`)
  return { code: done.code, stdout }
}

/** TERM, then KILL to its whole group; waits until it is gone. */
async function stop(pid: number): Promise<void> {
  for (const [signal, waitMs] of [
    ['SIGTERM', 30_000],
    ['SIGKILL', 5_000],
  ] as const) {
    if (!isAlive(pid)) return
    process.kill(signal === 'SIGKILL' ? -pid : pid, signal)
    const deadline = performance.now() + waitMs
    while (isAlive(pid) && performance.now() < deadline) await sleep(50)
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false // ESRCH: gone
  }
}

// `capstan up` for one peer in one mode of the model server: a home and a clone of this repository of its own, started, killed and started again.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { processEnv } from '../../src/lib/env.ts'
import { exec, startDetached } from '../../src/lib/exec.ts'
import { packageRoot } from '../../src/lib/package-files.ts'
import type { Mode } from '../fakes/model-server/script.ts'
import type { ModelServer } from '../fakes/model-server/server.ts'
import { pathFor } from './adapter-run.ts'
import type { Peer } from './peers.ts'

type Env = Readonly<Record<string, string>>

/** From start to the JSON line of `up`; a cold machine compiles and probes the CLIs, ms. */
const readyMs = 60_000

/** The sources themselves, so that no build can be stale. */
const main = join(packageRoot, 'src', 'main.ts')

export interface Place {
  readonly peer: Peer
  readonly server: ModelServer
  readonly root: string
  readonly mode: Mode
  /** Sets this world's folder apart from another one of the same mode. */
  readonly name?: string
}

export interface World {
  readonly home: string
  readonly env: Env
  readonly clone: string
  readonly folder: string
}

export interface Up {
  readonly pid: number
  /** The environment of a client of this server. */
  readonly client: Env
}

export async function makeWorld({ peer, server, root, mode, name = 'plain' }: Place): Promise<World> {
  const folder = join(root, `capstan-${peer.harness.name}-${mode}-${name}`)
  const home = join(folder, 'home')
  mkdirSync(home, { recursive: true })
  const own = peer.configure(home, server, mode)
  const env = { PATH: pathFor(peer), HOME: home, CAPSTAN_HOME: join(home, '.capstan'), TERM: 'dumb', ...own }
  if (peer.daemonToml !== undefined) {
    mkdirSync(env.CAPSTAN_HOME, { recursive: true })
    writeFileSync(join(env.CAPSTAN_HOME, 'daemon.toml'), peer.daemonToml)
  }
  return { home, env, clone: await cloneOfThis(folder), folder }
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

/** Each start of the same world goes on with what the last one left. */
export async function startUp({ folder, clone, env }: World, n = 1): Promise<Up> {
  const logPath = join(folder, `up-${n}.log`)
  const args = [main, 'up', '--json', '--port', '0', '--data', join(folder, 'data'), '--workspace', clone]
  const pid = await startDetached(process.execPath, args, { cwd: clone, env, logPath })
  const deadline = performance.now() + readyMs
  while (performance.now() < deadline) {
    const ready = readyLine(logPath)
    if (ready !== null) return { pid, client: { ...env, CAPSTAN_URL: ready.url, CAPSTAN_TOKEN: ready.token } }
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

export interface FinalTask {
  readonly id: string
  readonly state: string
  readonly reason: string | null
  readonly attempts: readonly { readonly usage: { readonly outputTokens: number } | null; readonly detail: string }[]
}

export async function addTask(peer: Peer, up: Up, more: readonly string[] = []): Promise<FinalTask> {
  const what = ['--prompt', 'Write one line into a file.', '--repo', 'capstan-clone', '--expect', 'changes', ...more]
  const added = await capstan(up, ['task', 'add', ...what, '--harness', peer.harness.name, '--json'])
  return JSON.parse(added.stdout)
}

export async function waitTask(id: string, up: Up): Promise<FinalTask> {
  return JSON.parse((await capstan(up, ['task', 'wait', id, '--timeout', '120s', '--json'])).stdout)
}

export async function showTask(id: string, up: Up): Promise<FinalTask> {
  return JSON.parse((await capstan(up, ['task', 'show', id, '--json'])).stdout)
}

export async function capstan(up: Up, args: readonly string[]): Promise<{ code: number | null; stdout: string }> {
  const done = await exec(process.execPath, [main, ...args], { env: up.client, timeoutMs: 150_000 })
  const stdout = done.stdout.toString('utf8')
  if (stdout === '') throw new Error(`capstan ${args.join(' ')} ended with exit code ${done.code}: ${done.stderr}`)
  return { code: done.code, stdout }
}

/** TERM, then KILL to its whole group; waits until it is gone. */
export async function stop(pid: number): Promise<void> {
  for (const [signal, waitMs] of [
    ['SIGTERM', 30_000],
    ['SIGKILL', 5_000],
  ] as const) {
    if (!isAlive(pid)) return
    process.kill(signal === 'SIGKILL' ? -pid : pid, signal)
    await until(() => !isAlive(pid), waitMs)
  }
}

/** True as soon as the condition holds; false when it does not within `waitMs`. */
export async function until(holds: () => boolean, waitMs: number): Promise<boolean> {
  const deadline = performance.now() + waitMs
  while (!holds()) {
    if (performance.now() > deadline) return false
    await sleep(50)
  }
  return true
}

/** One that has ended and was not waited for yet (a zombie) counts as gone. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false // ESRCH: gone
  }
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return process.platform !== 'linux' // on Linux it went between the two looks
  }
}

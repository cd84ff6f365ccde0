// One server and several hosts of one pool for a real CLI: each host has a home, a clone and a daemon of its own.

import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { processEnv } from '../../src/lib/env.ts'
import { exec, startDetached } from '../../src/lib/exec.ts'
import { packageRoot } from '../../src/lib/package-files.ts'
import type { Mode } from '../fakes/model-server/script.ts'
import type { ModelServer } from '../fakes/model-server/server.ts'
import { pathFor } from './adapter-run.ts'
import type { Up } from './capstan-world.ts'
import { capstan, isAlive, stop } from './capstan-world.ts'
import type { Peer } from './peers.ts'

type Env = Readonly<Record<string, string>>

/** From start to the JSON line: a cold machine compiles and probes the CLIs, ms. */
const readyMs = 60_000
/** The sources themselves, so that no build can be stale. */
const main = join(packageRoot, 'src', 'main.ts')
const pool = 'crew'
/** Every host's clone: the folder's name is the slug. */
const slug = 'app'

export interface HostOf {
  readonly name: string
  /** All that it keeps. */
  readonly folder: string
  readonly clone: string
  readonly pid: number
}

export interface SessionPlace {
  readonly peer: Peer
  readonly models: ModelServer
  readonly folder: string
}

export class SessionWorld implements AsyncDisposable {
  readonly #place: SessionPlace
  readonly #started: number[] = []
  #up: Up | null = null
  #hosts: Env = {}

  constructor(place: SessionPlace) {
    this.#place = place
  }

  /** The server, with a pool and a token for its hosts. */
  async start(): Promise<void> {
    const { folder } = this.#place
    const home = join(folder, 'server-home')
    const env = { PATH: processEnv().PATH ?? '', HOME: home, CAPSTAN_HOME: join(home, '.capstan'), TERM: 'dumb' }
    mkdirSync(home, { recursive: true })
    const args = ['server', '--json', '--listen', '127.0.0.1:0', '--data', join(folder, 'server')]
    const { pid, line } = await this.#run('server', { args, env, cwd: folder })
    this.#up = { pid, client: { ...env, CAPSTAN_URL: line.url ?? '', CAPSTAN_TOKEN: line.token ?? '' } }
    await this.ask(['pool', 'add', pool, '--json'])
    const made: { secret: string } = JSON.parse(
      await this.ask(['token', 'add', 'hosts', '--scope', 'daemon', '--json']),
    )
    this.#hosts = { CAPSTAN_URL: line.url ?? '', CAPSTAN_TOKEN: made.secret }
  }

  /** A host whose agents talk to the model in this mode. */
  async host(name: string, mode: Mode): Promise<HostOf> {
    const { peer, models, folder } = this.#place
    const home = join(folder, name, 'home')
    mkdirSync(home, { recursive: true })
    const own = peer.configure(home, models, mode)
    const capstanHome = join(home, '.capstan')
    const env = { PATH: pathFor(peer), HOME: home, CAPSTAN_HOME: capstanHome, TERM: 'dumb', ...own, ...this.#hosts }
    const clone = await this.#clone(join(folder, name))
    const where = ['--data', join(folder, name, 'data'), '--workspace', clone, '--name', name, '--pool', pool]
    const { pid } = await this.#run(name, { args: ['daemon', '--json', ...where], env, cwd: clone })
    return { name, folder: join(folder, name), clone, pid }
  }

  /** What a person with the server's token gets to read. Throws when it is nothing. */
  async ask(args: readonly string[]): Promise<string> {
    if (this.#up === null) throw new Error('the server is not running')
    return (await capstan(this.#up, args)).stdout
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.#started.toReversed()) await stop(pid)
  }

  /** All hosts know the same repository, as clones of one would. */
  async #clone(folder: string): Promise<string> {
    const origin = join(this.#place.folder, 'origin', slug)
    if (!existsSync(origin)) {
      mkdirSync(origin, { recursive: true })
      await git(origin, ['init', '--quiet', '--initial-branch=main'])
      await git(origin, ['commit', '--quiet', '--allow-empty', '--message', 'Begin'])
    }
    const clone = join(folder, slug)
    await git(this.#place.folder, ['clone', '--quiet', '--no-hardlinks', origin, clone])
    await git(clone, ['remote', 'remove', 'origin'])
    return clone
  }

  async #run(
    name: string,
    { args, env, cwd }: { readonly args: readonly string[]; readonly env: Env; readonly cwd: string },
  ): Promise<{ readonly pid: number; readonly line: { readonly url?: string; readonly token?: string } }> {
    const logPath = join(this.#place.folder, `${name}.log`)
    const pid = await startDetached(process.execPath, [main, ...args], { cwd, env, logPath })
    this.#started.push(pid)
    for (const deadline = performance.now() + readyMs; performance.now() < deadline; await sleep(100)) {
      const ready = readFileSync(logPath, 'utf8')
        .split('\n')
        .find((line) => line.startsWith('{') && line.includes('"pid"') && line.includes('"dataDir"'))
      if (ready !== undefined) return { pid, line: JSON.parse(ready) }
      if (!isAlive(pid)) break
    }
    throw new Error(`capstan ${args[0]} printed no JSON line; its output is in ${logPath}`)
  }
}

export async function git(cwd: string, args: readonly string[]): Promise<string> {
  const who = { GIT_AUTHOR_NAME: 'Peer', GIT_AUTHOR_EMAIL: 'peer@example.com' }
  const env = { ...processEnv(), ...who, GIT_COMMITTER_NAME: 'Peer', GIT_COMMITTER_EMAIL: 'peer@example.com' }
  const done = await exec('git', ['-C', cwd, ...args], { env, timeoutMs: 60_000 })
  if (done.code !== 0) throw new Error(`git ${args.join(' ')} failed: ${done.stderr}`)
  return done.stdout.toString('utf8')
}

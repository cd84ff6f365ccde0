// The installation that the soak torments: one server, three hosts behind lines of their own, two repositories, all real processes.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from '../../src/client/client.ts'
import { makeClient } from '../../src/client/client.ts'
import { Line } from '../faults/proxy.ts'
import type { Up } from '../journeys/world.ts'
import { World } from '../journeys/world.ts'

export const hostNames = ['ada', 'bob', 'cyd'] as const
export type HostName = (typeof hostNames)[number]
export const repoNames = ['left', 'right'] as const

type Process = Awaited<ReturnType<World['start']>>

export class Machine {
  readonly world = new World()
  readonly #lines = new Map<HostName, Line>()
  readonly #daemons = new Map<HostName, Process>()
  #server: Process | null = null
  #line: Up | null = null

  async begin(): Promise<void> {
    for (const name of repoNames) await this.world.repo(name)
    await this.startServer()
    const port = Number(new URL(this.up.url).port)
    for (const name of hostNames) this.#lines.set(name, await Line.to(port))
    for (const name of hostNames) await this.startDaemon(name)
  }

  get up(): Up {
    if (this.#line === null) throw new Error('the server was never started')
    return this.#line
  }

  get client(): Client {
    return makeClient({ url: this.up.url, token: this.up.token, timeoutMs: 15_000 })
  }

  line(name: HostName): Line {
    const line = this.#lines.get(name)
    if (line === undefined) throw new Error(`no line to ${name}`)
    return line
  }

  pidOf(name: HostName): number | null {
    return this.#daemons.get(name)?.child.pid ?? null
  }

  repo(name: string): string {
    return join(this.world.root, name)
  }

  dataOf(name: HostName): string {
    return join(this.world.root, `host-${name}`)
  }

  async startServer(): Promise<void> {
    const port = this.#line === null ? 0 : Number(new URL(this.#line.url).port)
    const short = [
      '--lease-ttl',
      '4s',
      '--reconnect-grace',
      '4s',
      '--dispatch-timeout',
      '20s',
      '--heartbeat-interval',
      '1s',
    ]
    const args = ['server', '--listen', `127.0.0.1:${port}`, '--data', join(this.world.root, 'server'), ...short]
    const started = await this.world.start<Up>(args, { env: { CAPSTAN_LOG: 'warn' } })
    this.#server = started
    this.#line = started.line
  }

  /** False when it is down already. */
  async killServer(): Promise<boolean> {
    const server = this.#server
    this.#server = null
    await server?.stop('SIGKILL')
    return server !== null
  }

  async startDaemon(name: HostName): Promise<void> {
    const [first, second] = repoNames.map((repo) => this.repo(repo))
    const token = readFileSync(join(this.world.root, 'server', 'daemon-token'), 'utf8').trim()
    const args = [
      'daemon',
      '--name',
      name,
      '--data',
      this.dataOf(name),
      '--workspace',
      first ?? '',
      '--add-workspace',
      second ?? '',
    ]
    const env = { CAPSTAN_URL: this.line(name).url, CAPSTAN_TOKEN: token, CAPSTAN_LOG: 'warn' }
    this.#daemons.set(name, await this.world.start([...args, '--max-agents', '4'], { cwd: first ?? '', env }))
  }

  async stopDaemon(name: HostName, signal: NodeJS.Signals): Promise<number | null> {
    const daemon = this.#daemons.get(name)
    this.#daemons.delete(name)
    return daemon === undefined ? null : await daemon.stop(signal)
  }

  /** Folders of runs on a host. */
  runsOf(name: HostName): string[] {
    const root = join(this.dataOf(name), 'daemon')
    return list(root).flatMap((state) => list(join(root, state, 'runs')).map((run) => join(root, state, 'runs', run)))
  }

  worktreesOf(name: HostName): string[] {
    const root = join(this.dataOf(name), 'worktrees')
    return list(root).flatMap((repo) => list(join(root, repo)).map((folder) => join(root, repo, folder)))
  }

  /** Ends all processes politely; gives the exit codes of the daemons. */
  async end(): Promise<(number | null)[]> {
    const codes = await Promise.all(hostNames.map((name) => this.stopDaemon(name, 'SIGTERM')))
    await this.#server?.stop('SIGTERM')
    for (const line of this.#lines.values()) await line[Symbol.asyncDispose]()
    return codes
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // not made yet
  }
}

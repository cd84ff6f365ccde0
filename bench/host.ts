// A server and a real daemon on this host, each in its own process, and what a figure asks of them.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from '../src/client/client.ts'
import { makeClient } from '../src/client/client.ts'
import type { TaskView } from '../src/protocol/task.ts'
import type { Bench } from './bench.ts'
import { startServerProcess } from './capstan.ts'
import type { DaemonArgument, DaemonLine } from './daemon-process.ts'
import { until } from './measure.ts'
import type { Process } from './processes.ts'
import { startProcess } from './processes.ts'

interface Own {
  readonly home: string
  readonly env: Readonly<Record<string, string>>
}

export class Host implements AsyncDisposable {
  readonly client: Client
  readonly #argument: DaemonArgument
  readonly #server: Process<unknown>
  #daemon: Process<DaemonLine>

  private constructor(client: Client, argument: DaemonArgument, server: Process<unknown>, daemon: Process<DaemonLine>) {
    this.client = client
    this.#argument = argument
    this.#server = server
    this.#daemon = daemon
  }

  /** `own`: a home that is there already, and what else the daemon finds in its environment. */
  static async start(bench: Bench, maxAgents: number, own?: Own): Promise<Host> {
    const dir = bench.dir()
    const home = own?.home ?? join(dir, 'home')
    mkdirSync(home, { recursive: true })
    const server = await startServerProcess({ database: join(dir, 'capstan.db'), dataDir: dir })
    const { url, token, daemonToken } = server.line
    const argument = { serverUrl: url, token: daemonToken, dataDir: dir, home, maxAgents, env: own?.env ?? {} }
    try {
      const daemon = await startProcess<DaemonLine>('daemon-process.ts', argument)
      return new Host(makeClient({ url, token, timeoutMs: 30_000 }), argument, server, daemon)
    } catch (error) {
      await server.stop()
      throw error
    }
  }

  get daemon(): Process<DaemonLine> {
    return this.#daemon
  }

  /** Kills the daemon outright and starts it again; resolves when the server has registered it. */
  async replaceDaemon(): Promise<void> {
    await this.#daemon.stop('SIGKILL')
    this.#daemon = await startProcess<DaemonLine>('daemon-process.ts', this.#argument)
  }

  /** A shell task in a scratch folder. */
  shell(prompt: string): Promise<TaskView> {
    return this.client.call('createTask', { body: { prompt, harness: 'shell', workspace: { mode: 'scratch' } } })
  }

  task(id: string): Promise<TaskView> {
    return this.client.call('getTask', { params: { id } })
  }

  /** Waits until so many tasks run. */
  async running(count: number): Promise<readonly TaskView[]> {
    const look = async () => {
      const { items } = await this.client.call('listTasks', { query: { state: ['running'], limit: 100 } })
      return items.length >= count ? items : null
    }
    return await until(`${count} running tasks`, look, 120_000)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon.stop()
    await this.#server.stop()
  }
}

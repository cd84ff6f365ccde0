// Where faults happen: a real server in this process, real daemons as processes or here, lines between them, real git. All ends with the test.

import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, expect } from 'vitest'
import type { Client } from '../../src/client/client.ts'
import { makeClient } from '../../src/client/client.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { RunningDaemon } from '../../src/daemon/daemon.ts'
import { startDaemon } from '../../src/daemon/daemon.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { TranscriptEvent } from '../../src/protocol/events.ts'
import type { BodyIn } from '../../src/protocol/operations.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import type { RunningServer } from '../../src/server/server.ts'
import { startServer } from '../../src/server/server.ts'
import type { ServerSettings } from '../../src/server/settings.ts'
import { processesOf, World } from '../journeys/world.ts'
import { Line } from './proxy.ts'

/** Short, but long enough for a busy machine: a heartbeat may be half a second late. */
const quick: Partial<ServerSettings> = {
  leaseTtlMs: 2_000,
  heartbeatIntervalMs: 300,
  reconnectGraceMs: 60_000,
  dispatchTimeoutMs: 20_000,
  relookMs: 200,
  sweepMaxWaitMs: 50,
  closeTimeoutMs: 2_000,
  pingMs: 1_000,
  retry: { backoffMs: 100, backoffMaxMs: 500, freeLimit: 5, quotaMs: 500 },
}

export interface Host {
  readonly daemonId: string
  readonly pid: number
  readonly dataDir: string
  readonly child: ChildProcess
  /** Sends the signal and waits for the end; gives the exit code, null after SIGKILL. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

export interface HostOptions {
  /** The line it speaks over; default: straight. */
  readonly via?: Line
  readonly repo?: string
  readonly args?: readonly string[]
  readonly env?: Record<string, string>
  readonly data?: string
  /** An open file that its process is started with. */
  readonly inherits?: number
}

export class Field implements AsyncDisposable {
  readonly world = new World()
  readonly #settings: Partial<ServerSettings>
  readonly #clock: Clock
  readonly #lines: Line[] = []
  readonly #hosts: RunningDaemon[] = []
  #server: RunningServer | null = null
  #port = 0

  private constructor(settings: Partial<ServerSettings>, clock: Clock) {
    this.#settings = { ...quick, ...settings }
    this.#clock = clock
  }

  static async make(settings: Partial<ServerSettings> = {}, clock: Clock = systemClock): Promise<Field> {
    const field = new Field(settings, clock)
    await field.world.repo('app')
    await field.startServer()
    return field
  }

  async startServer(): Promise<void> {
    const dataDir = join(this.world.root, 'server')
    this.#server = await startServer({
      database: join(dataDir, 'capstan.db'),
      dataDir,
      listen: { host: '127.0.0.1', port: this.#port },
      version: '0.0.0-test',
      clock: this.#clock,
      log: silentLog,
      settings: this.#settings,
    })
    this.#port = this.#server.port
  }

  async stopServer(): Promise<void> {
    await this.#server?.close()
    this.#server = null
  }

  get server(): RunningServer {
    if (this.#server === null) throw new Error('the server is stopped')
    return this.#server
  }

  /** The repository `app`, which every host serves. */
  get repo(): string {
    return join(this.world.root, 'app')
  }

  get client(): Client {
    const { url, token } = this.server
    return makeClient({ url, token, timeoutMs: 10_000 })
  }

  /** What makes the command line speak to this server. */
  get login(): Record<string, string> {
    return { CAPSTAN_URL: this.server.url, CAPSTAN_TOKEN: this.server.token }
  }

  /** A line to the server; it outlives restarts of the server. */
  async line(): Promise<Line> {
    const line = await Line.to(this.#port)
    this.#lines.push(line)
    return line
  }

  /** A daemon in a process of its own. */
  async host(name: string, { via, repo, args = [], env = {}, data, inherits }: HostOptions = {}): Promise<Host> {
    const dataDir = data ?? join(this.world.root, `host-${name}`)
    const workspace = repo ?? this.repo
    const started = await this.world.start<{ daemonId: string; pid: number }>(
      ['daemon', '--data', dataDir, '--name', name, '--max-agents', '4', '--workspace', workspace, ...args],
      {
        cwd: workspace,
        ...(inherits === undefined ? {} : { inherits }),
        env: {
          CAPSTAN_URL: via?.url ?? this.server.url,
          CAPSTAN_TOKEN: this.server.daemonToken,
          CAPSTAN_LOG: 'info',
          ...env,
        },
      },
    )
    const { child, stop, line } = started
    return { daemonId: line.daemonId, pid: line.pid, dataDir, child, stop }
  }

  /** A daemon in this process, with a clock of the test's. */
  async here(name: string, { via, clock = systemClock }: { via?: Line; clock?: Clock } = {}): Promise<RunningDaemon> {
    const daemon = await startDaemon({
      serverUrl: via?.url ?? this.server.url,
      token: this.server.daemonToken,
      dataDir: join(this.world.root, `host-${name}`),
      identity: 'default',
      name,
      workspace: this.repo,
      workspaces: [this.repo],
      hostId: null,
      pool: null,
      roles: [],
      profiles: [],
      labels: [],
      types: [],
      only: {},
      maxAgents: 4,
      minFreeDiskBytes: 0,
      heartbeatIntervalMs: null,
      flushIntervalMs: null,
      secretDir: null,
      transport: 'ws',
      socketRetryMs: null,
      mode: 'poll',
      version: '0.0.0-test',
      clock,
      log: silentLog,
      env: this.world.env(),
    })
    this.#hosts.push(daemon)
    return daemon
  }

  /** A task for the shell harness; the prompt is the script. */
  add(prompt: string, fields: Partial<BodyIn<'createTask'>> = {}): Promise<TaskView> {
    return this.client.call('createTask', { body: { prompt, harness: 'shell', ...fields } })
  }

  task(id: string): Promise<TaskView> {
    return this.client.call('getTask', { params: { id } })
  }

  /** Looks until the task is as wanted. */
  async when(id: string, what: string, is: (task: TaskView) => boolean, ms = 20_000): Promise<TaskView> {
    return await this.world.until(
      `${id} ${what}`,
      async () => {
        const task = await this.task(id)
        return is(task) ? task : null
      },
      ms,
    )
  }

  running(id: string): Promise<TaskView> {
    return this.when(id, 'runs', (task) => task.state === 'running')
  }

  ended(id: string, ms = 25_000): Promise<TaskView> {
    return this.when(id, 'ends', (task) => task.endedAt !== null, ms)
  }

  /** A file that a script waits for; `open` lets it go on. */
  gate(name = 'gate'): { readonly wait: string; open(): void } {
    const path = join(this.world.root, name)
    return { wait: `while [ ! -e '${path}' ]; do sleep 0.05; done`, open: () => this.world.write(path, '') }
  }

  /** The transcript's events; throws unless each attempt's seq is 1…n. */
  async events(id: string): Promise<TranscriptEvent[]> {
    const events: TranscriptEvent[] = []
    for await (const each of this.client.follow(id)) if (each.type === 'transcript') events.push(each.event)
    for (const of of Map.groupBy(events, (event) => event.attempt).values())
      expect(of.map((event) => event.seq)).toEqual(of.map((_, at) => at + 1))
    return events
  }

  /** The lines that the agent said. */
  async said(id: string, attempt?: number): Promise<string[]> {
    const events = await this.events(id)
    const chosen = events.filter((event) => attempt === undefined || event.attempt === attempt)
    return chosen.flatMap((event) =>
      event.type === 'text' ? event.text.split('\n').filter((line) => line !== '') : [],
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.#hosts) await host.stop({ agents: true, now: true })
    await this.world.end(false)
    for (const line of this.#lines) await line[Symbol.asyncDispose]()
    await this.stopServer()
  }
}

/** The field of the test that runs; it is left without a process of its own. */
export function fieldOfEachTest(): (settings?: Partial<ServerSettings>, clock?: Clock) => Promise<Field> {
  let field: Field | null = null
  afterEach(async () => {
    const { root } = field?.world ?? { root: null }
    await field?.[Symbol.asyncDispose]()
    field = null
    if (root !== null) expect(processesOf(root)).toEqual([])
  })
  return async (settings, clock) => {
    field = await Field.make(settings, clock)
    return field
  }
}

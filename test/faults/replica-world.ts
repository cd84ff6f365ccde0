// Three real servers on one real PostgreSQL behind a balancer, and real daemons that reach them by its one address.

import type { ChildProcess } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import type { Client } from '../../src/client/client.ts'
import { makeClient } from '../../src/client/client.ts'
import { Problem } from '../../src/core/problem.ts'
import type { TranscriptEvent } from '../../src/protocol/events.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import type { Balancer } from '../fakes/balancer.ts'
import { startBalancer } from '../fakes/balancer.ts'
import type { TestPostgres } from '../fakes/postgres.ts'
import { startPostgres } from '../fakes/postgres.ts'
import type { Up } from '../journeys/world.ts'
import { World } from '../journeys/world.ts'

interface Replica {
  readonly url: string
  readonly port: number
  readonly child: ChildProcess
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

const leaderLock = 7_420_002

export class ReplicaWorld {
  readonly machine = new World()
  readonly replicas: Replica[] = []
  readonly postgres: TestPostgres
  readonly balancer: Balancer
  readonly database: string
  token = ''
  daemonToken = ''
  #tasks = 0

  constructor(postgres: TestPostgres, balancer: Balancer, database: string) {
    this.postgres = postgres
    this.balancer = balancer
    this.database = database
  }

  /** `daemons` are started one after the other, so that they spread. */
  static async start(daemons: number, daemonOptions: readonly string[] = []): Promise<ReplicaWorld> {
    const postgres = await startPostgres({ durable: true })
    const world = new ReplicaWorld(postgres, await startBalancer(), await postgres.makeDatabase())
    const repo = await world.machine.repo('app')
    await world.startReplica()
    await Promise.all([world.startReplica(), world.startReplica()])
    const env = { CAPSTAN_URL: world.balancer.url, CAPSTAN_TOKEN: world.token }
    const { secret } = await world.machine.json<{ secret: string }>(['token', 'add', 'hosts', '--scope', 'daemon'], {
      env,
    })
    world.daemonToken = secret
    await Promise.all(
      Array.from({ length: daemons }, (_, n) =>
        world.machine.start(
          [
            ...['daemon', '--data', join(world.machine.root, `host-${n}`), '--workspace', repo],
            ...['--name', `host-${n}`, '--max-agents', '2', ...daemonOptions],
          ],
          { cwd: repo, env: { CAPSTAN_URL: world.balancer.url, CAPSTAN_TOKEN: secret } },
        ),
      ),
    )
    return world
  }

  /** On a port of its own, or again on the one of a server that was stopped. */
  async startReplica(port = 0): Promise<Replica> {
    const { line, child, stop } = await this.machine.start<Up>(
      [
        ...['server', '--data', join(this.machine.root, 'server'), '--listen', `127.0.0.1:${port}`],
        ...['--public-url', this.balancer.url, '--heartbeat-interval', '1s', '--dispatch-timeout', '5s'],
      ],
      { env: { CAPSTAN_DATABASE: this.database, CAPSTAN_LOG: 'warn' } },
    )
    const replica = { url: line.url, port: Number(new URL(line.url).port), child, stop }
    this.token = line.token
    this.replicas.push(replica)
    this.balancer.backends.push(replica.port)
    return replica
  }

  async stopReplica(replica: Replica, signal: NodeJS.Signals): Promise<void> {
    this.balancer.backends = this.balancer.backends.filter((port) => port !== replica.port)
    this.replicas.splice(this.replicas.indexOf(replica), 1)
    await replica.stop(signal)
  }

  /** Without an argument through the balancer. */
  client(url: string = this.balancer.url): Client {
    return makeClient({ url, token: this.token, timeoutMs: 10_000 })
  }

  /** Adds a shell task that notes each time it runs; tries until a server has accepted it. Gives its id. */
  async add(body = 'echo said'): Promise<{ id: string; mark: string }> {
    this.#tasks += 1
    const mark = `mark-${this.#tasks}`
    const prompt = `echo ${mark} >> ${this.#ranPath}; ${body}`
    const task = await this.machine.until('a server that accepts the task', async () => {
      try {
        return await this.client().call('createTask', {
          body: { prompt, harness: 'shell', workspace: { mode: 'scratch' } },
          idempotencyKey: mark,
        })
      } catch (error) {
        if (error instanceof Problem && error.status === 503) return null
        throw error
      }
    })
    return { id: task.id, mark }
  }

  /** How often each mark was noted. */
  runs(): Map<string, number> {
    const counts = new Map<string, number>()
    if (!existsSync(this.#ranPath)) return counts
    for (const mark of readFileSync(this.#ranPath, 'utf8').trim().split('\n'))
      counts.set(mark, (counts.get(mark) ?? 0) + 1)
    return counts
  }

  async task(id: string): Promise<TaskView | null> {
    return this.client()
      .call('getTask', { params: { id } })
      .catch(() => null)
  }

  async events(id: string): Promise<TranscriptEvent[]> {
    const { items } = await this.client().call('listEvents', { params: { id }, query: { limit: 200 } })
    return items
  }

  /** Daemons connected to each replica, as it counts them itself. */
  async connected(): Promise<number[]> {
    return Promise.all(
      this.replicas.map(async ({ url }) => {
        const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${this.token}` } })
        const text = await response.text()
        return Number(/^capstan_daemons_connected (\d+)$/m.exec(text)?.[1] ?? Number.NaN)
      }),
    )
  }

  /** How many hold the leadership: one, or none for a moment. */
  async leaders(): Promise<number> {
    const client = new pg.Client({ connectionString: this.database })
    await client.connect()
    const sql = `select count(*)::int as n from pg_locks where locktype = 'advisory' and objid = ${leaderLock} and granted`
    const { rows } = await client.query<{ n: number }>(sql)
    await client.end()
    return rows[0]?.n ?? 0
  }

  async end(failed: boolean): Promise<void> {
    await this.machine.end(failed)
    await this.balancer[Symbol.asyncDispose]()
    await this.postgres.stop()
  }

  get #ranPath(): string {
    return join(this.machine.root, 'ran')
  }
}

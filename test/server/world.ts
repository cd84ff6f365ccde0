// A real server in a folder of its own, with a client, and daemons that a test plays by hand over the real link.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import type { Client } from '../../src/client/client.ts'
import { makeClient } from '../../src/client/client.ts'
import type { ProblemCode } from '../../src/core/problem.ts'
import { Problem } from '../../src/core/problem.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { DaemonOffer } from '../../src/protocol/fleet.ts'
import type { FromDaemon, FromDaemonBody, FromDaemonReply, RunReport } from '../../src/protocol/link.ts'
import type { RunningServer, ServerOptions } from '../../src/server/server.ts'
import { startServer } from '../../src/server/server.ts'
import type { ServerSettings } from '../../src/server/settings.ts'

export interface World extends AsyncDisposable {
  readonly dir: string
  server: RunningServer
  readonly client: Client
  /** Another client on the same server. */
  as(token: string | null): Client
  /** Stops the server and starts it again on the same data and port. */
  restart(): Promise<void>
  /** A daemon's socket; not registered yet. */
  connect(options?: { token?: string }): Promise<FakeDaemon>
  /** A registered daemon. */
  daemon(options?: RegisterOptions): Promise<FakeDaemon>
  /** A fetch to a path with the admin token, or with these headers. */
  raw(path: string, init?: RequestInit): Promise<Response>
}

export interface RegisterOptions {
  readonly key?: string
  readonly bootId?: string
  readonly offer?: Partial<DaemonOffer>
  readonly running?: readonly RunReport[]
  readonly protocol?: number
  readonly token?: string
}

export async function makeWorld(
  settings: Partial<ServerSettings> = {},
  more: Partial<ServerOptions> = {},
): Promise<World> {
  const dir = await mkdtemp(join(tmpdir(), 'capstan-server-'))
  const base = {
    database: join(dir, 'capstan.db'),
    dataDir: dir,
    listen: { host: '127.0.0.1', port: 0 },
    version: '0.0.0-test',
    clock: systemClock,
    log: silentLog,
    settings: { relookMs: 100, tokenFlushMs: 100, sweepMaxWaitMs: 50, closeTimeoutMs: 2_000, ...settings },
    ...more,
  }
  const daemons: FakeDaemon[] = []
  const world: World = {
    dir,
    server: await startServer(base),
    get client() {
      return world.as(world.server.token)
    },
    as: (token) => makeClient({ url: world.server.url, token, timeoutMs: 10_000 }),
    restart: async () => {
      const { port } = world.server
      await world.server.close()
      world.server = await startServer({ ...base, listen: { ...base.listen, port } })
    },
    connect: async ({ token } = {}) => {
      const daemon = await FakeDaemon.open(world.server.url, token ?? world.server.daemonToken)
      daemons.push(daemon)
      return daemon
    },
    daemon: async (options = {}) => {
      const daemon = await world.connect(options.token === undefined ? {} : { token: options.token })
      await daemon.register(options)
      return daemon
    },
    raw: (path, init = {}) =>
      fetch(world.server.url + path, {
        ...init,
        headers: { authorization: `Bearer ${world.server.token}`, ...(init.headers as Record<string, string>) }, // tests write records
      }),
    [Symbol.asyncDispose]: async () => {
      for (const daemon of daemons) daemon.drop()
      await world.server.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
  return world
}

export function makeOffer(offer: Partial<DaemonOffer> = {}): DaemonOffer {
  return {
    hostId: 'host',
    name: 'box',
    version: '0.0.0-test',
    platform: 'linux-x64',
    pid: 4242,
    identity: 'default',
    pool: null,
    roles: [],
    repos: [{ slug: 'acme/app', problem: null }],
    harnesses: [{ name: 'shell', version: '1', ready: true, problem: null }],
    profiles: [],
    labels: [],
    types: [],
    only: {},
    maxAgents: 4,
    freeDiskBytes: null,
    freeMemoryBytes: null,
    ...offer,
  }
}

interface Pushed {
  readonly seq: number
  readonly type: string
  readonly body: unknown
}

const noRoomTold = { freeDiskBytes: null, freeMemoryBytes: null }
const defaultKey = 'key-0123456789-0123456789'

/** One socket of a daemon that a test plays. */
export class FakeDaemon {
  readonly socket: WebSocket
  readonly pushed: Pushed[] = []
  readonly replies: unknown[] = []
  readonly closed: Promise<{ code: number; reason: string }>
  readonly #waiting = new Map<number, { resolve: (body: unknown) => void; reject: (error: unknown) => void }>()
  #id = 0

  constructor(socket: WebSocket) {
    this.socket = socket
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        for (const each of this.#waiting.values()) each.reject(new Error(`socket closed: ${code}`))
        resolve({ code, reason: String(reason) })
      })
    })
    socket.on('message', (data) => this.#take(JSON.parse(String(data))))
  }

  static open(url: string, token: string): Promise<FakeDaemon> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/daemon`, {
      headers: { authorization: `Bearer ${token}` },
    })
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(new FakeDaemon(socket)))
      socket.once('unexpected-response', (_, response) => reject(new Error(`HTTP ${response.statusCode}`)))
      socket.once('error', reject)
    })
  }

  ask<T extends FromDaemon>(type: T, body: FromDaemonBody<T>): Promise<FromDaemonReply<T>> {
    return this.askRaw(type, body) as Promise<FromDaemonReply<T>> // the server's own table
  }

  askRaw(type: string, body: unknown): Promise<unknown> {
    this.#id += 1
    const id = this.#id
    this.socket.send(JSON.stringify({ id, type, body }))
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  register({ key = defaultKey, bootId = 'boot-1', offer = {}, running = [], protocol = 1 }: RegisterOptions = {}) {
    return this.ask('register', { protocol, key, bootId, offer: makeOffer(offer), running: [...running] })
  }

  claim(waitMs = 0, max = 1, taskId: string | null = null) {
    return this.ask('claim', { max, waitMs, taskId })
  }

  beat(
    runs: readonly RunReport[] = [],
    draining = false,
    room: Pick<FromDaemonBody<'heartbeat'>, 'freeDiskBytes' | 'freeMemoryBytes' | 'loadAverage'> = noRoomTold,
  ) {
    return this.ask('heartbeat', { runs: [...runs], draining, ...room })
  }

  close(): Promise<unknown> {
    this.socket.close()
    return this.closed
  }

  /** Without goodbye. */
  drop(): void {
    this.socket.terminate()
  }

  #take(
    frame: { re?: number; body?: unknown; problem?: { code: ProblemCode; detail: string } } & Partial<Pushed>,
  ): void {
    if (frame.re === undefined) {
      this.pushed.push(frame as Pushed) // a frame without `re` is a row
      return
    }
    this.replies.push(frame)
    const waiting = this.#waiting.get(frame.re)
    this.#waiting.delete(frame.re)
    if (frame.problem === undefined) waiting?.resolve(frame.body)
    else waiting?.reject(new Problem(frame.problem.code, frame.problem.detail))
  }
}

export function runOf(claim: { attemptId: string; epoch: number }, phase: RunReport['phase'] = 'running'): RunReport {
  const { attemptId, epoch } = claim
  return { attemptId, epoch, phase, harness: 'shell', harnessVersion: '1', model: null, containment: null }
}

export function endOf(claim: { attemptId: string; epoch: number }) {
  const { attemptId, epoch } = claim
  return {
    attemptId,
    epoch,
    at: Date.now(),
    exitCode: 0,
    signal: null,
    usage: null,
    costUsd: null,
    evidence: null,
    withheld: [],
    sessionRef: null,
  }
}

export function texts(from: number, to: number) {
  return Array.from({ length: to - from + 1 }, (_, i) => ({
    seq: from + i,
    at: Date.now(),
    type: 'text' as const,
    text: `line ${from + i}`,
  }))
}

/** Looks again until the look gives something other than null or false. */
export async function until<T>(
  look: () => T | Promise<T>,
  what = 'the condition',
  limitMs = 30_000,
): Promise<NonNullable<T>> {
  const end = Date.now() + limitMs
  while (true) {
    const seen = await look()
    if (seen !== null && seen !== undefined && seen !== false) return seen
    if (Date.now() > end) throw new Error(`${what} did not come about within ${limitMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** The problem a promise rejects with. */
export async function problemOf(promise: Promise<unknown>): Promise<Problem> {
  try {
    await promise
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
  throw new Error('it was expected to be refused')
}

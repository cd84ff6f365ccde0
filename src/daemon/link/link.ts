// The daemon's standing link: connects, registers, reconciles, and does so again for as long as the daemon lives.

import type { Clock } from '../../core/clock.ts'
import { Problem } from '../../core/problem.ts'
import { fullJitter } from '../../lib/backoff.ts'
import type { Env } from '../../lib/env.ts'
import type { Log } from '../../lib/log.ts'
import type { FromDaemon, FromDaemonBody, FromDaemonReply } from '../../protocol/link.ts'
import type { TerminalOrder } from '../../protocol/terminal.ts'
import type { Dialled, Transport } from './dial.ts'
import { dial, dialSocket } from './dial.ts'
import { HttpConnection } from './http-connection.ts'
import type { Ended, Push, Wire } from './wire.ts'
import { goingAway } from './wire.ts'

/** What a row's acknowledgement says beside its number. */
export type Acted = Omit<FromDaemonBody<'ack'>, 'seq'>

export interface LinkOptions {
  readonly url: string
  readonly transport: Transport
  /** While posts stand in for a socket, how often a socket is tried, ms. */
  readonly socketRetryMs: number
  readonly token: string
  readonly env: Env
  readonly clock: Clock
  readonly log: Log
  /** What to say on each connect: the offer and what runs, as of now. */
  registration(): FromDaemonBody<'register'>
  /** How often this daemon beats, ms: each beat is answered. */
  beatMs(reply: FromDaemonReply<'register'>): number
  /** Called after each registration, before anything else is sent; reconciles. */
  onRegistered(reply: FromDaemonReply<'register'>): void
  /** Acts on a row, and resolves when that is written down; null: it could not be, and the row is to come again. Never rejects. */
  onPush(push: Push): Promise<Acted | null>
  onOrder?(order: TerminalOrder): void
}

/** Refusals that waiting does not mend; the daemon exits with their sentence. */
const final = new Set([
  'unauthorized',
  'forbidden',
  'daemon_running',
  'protocol_unsupported',
  'pool_connector_mismatch',
  'unknown_pool',
  'unknown_profile',
])
const requestTimeoutMs = 30_000
const reconnect = { firstMs: 1_000, maxMs: 60_000 }
/** A server that said it goes away is one of several, or is back in a moment: its daemons spread over this, ms. */
const movedMs = 100
/** Rows told twice are told twice soon: around a reconnect. So many are remembered. */
const rememberedRows = 1_000

export class Link {
  readonly #options: LinkOptions
  readonly #stop = new AbortController()
  readonly #seen = new Map<number, Promise<Acted | null>>()
  #connection: Wire | null = null
  /** A move from posts to a socket that is under way. */
  #moving: Promise<void> = Promise.resolve()
  #waiters: (() => void)[] = []
  #hurry = new AbortController()

  constructor(options: LinkOptions) {
    this.#options = options
  }

  get connected(): boolean {
    return this.#connection !== null
  }

  /** Keeps the link up until `close`. Throws a refusal that is final and, unless `patient`, a first attempt that failed. */
  async keep({ patient }: { readonly patient: boolean }): Promise<void> {
    const { clock, log } = this.#options
    let hopeless = !patient
    let moved = false
    for (let failures = 0; !this.#stop.signal.aborted; ) {
      try {
        await this.#connect()
        failures = 0
        hopeless = false
        const { code, why } = await this.#ended()
        moved = code === goingAway
        if (!this.#stop.signal.aborted) log.warn({ reason: why.detail }, 'link lost')
      } catch (error) {
        this.#connection = null
        if (hopeless || (error instanceof Problem && final.has(error.code))) throw error
        log.warn({ reason: error instanceof Error ? error.message : String(error) }, 'link not made')
        failures += 1
        moved = false
      }
      this.#hurry = new AbortController()
      const cut = AbortSignal.any([this.#stop.signal, this.#hurry.signal])
      const waitMs = fullJitter(failures, moved ? { firstMs: movedMs, maxMs: movedMs } : reconnect)
      await clock.sleep(waitMs, cut).catch(() => {}) // closing and hurrying end the wait
    }
  }

  /** Sends now. Throws `not_connected` while the link is down. */
  request<T extends FromDaemon>(
    type: T,
    body: FromDaemonBody<T>,
    timeoutMs = requestTimeoutMs,
  ): Promise<FromDaemonReply<T>> {
    if (this.#connection === null) return Promise.reject(new Problem('not_connected', 'the link to the server is down'))
    return this.#connection.request(type, body, timeoutMs)
  }

  /** Registers again on the same socket, after the offer changed. */
  async refresh(): Promise<void> {
    if (this.#connection === null) return
    this.#options.onRegistered(await this.request('register', this.#options.registration()))
  }

  /** Resolves once registered; at once when it is. Rejects when `signal` aborts. */
  up(signal: AbortSignal): Promise<void> {
    if (this.#connection !== null) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiters.push(resolve)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  }

  /** Drops the socket and connects anew without a wait: after the host slept nobody knows what the other side believes. */
  renew(): void {
    this.#hurry.abort()
    this.#connection?.drop()
  }

  /** Resolves when the server is told. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#moving
    await this.#connection?.close()
  }

  /** Resolves when the link is down: a connection that gave way to another is not its end. */
  async #ended(): Promise<Ended> {
    for (;;) {
      const connection = this.#connection
      if (connection === null) throw new Problem('not_connected', 'the link is closed')
      const ended = await connection.closed
      await this.#moving
      if (this.#connection !== connection) continue
      this.#connection = null
      return ended
    }
  }

  async #connect(): Promise<void> {
    const { transport } = this.#options
    const dialled = await dial(transport, this.#dialling())
    const { wire } = dialled
    try {
      this.#use(dialled)
    } catch (error) {
      await wire.close()
      throw error
    }
    if (transport === 'auto' && wire instanceof HttpConnection) void this.#returnToSocket(wire)
  }

  #dialling() {
    const { url, token, env } = this.#options
    const onOrder = (order: TerminalOrder) => this.#options.onOrder?.(order)
    const opening = { url, token, env, onPush: (push: Push) => this.#onPush(push), onOrder }
    return { opening, registration: () => this.#options.registration() }
  }

  #use({ wire, reply }: Dialled): void {
    const { log, url } = this.#options
    this.#connection = wire
    wire.expectBeats(this.#options.beatMs(reply))
    log.info({ daemonId: reply.daemonId, url, transport: wire.kind }, 'link up')
    this.#options.onRegistered(reply)
    for (const wake of this.#waiters.splice(0)) wake()
  }

  /** Tries a socket now and then while posts do its work. Never throws. */
  async #returnToSocket(http: HttpConnection): Promise<void> {
    const { clock, socketRetryMs, log } = this.#options
    const over = new AbortController()
    void http.closed.then(() => over.abort())
    const signal = AbortSignal.any([over.signal, this.#stop.signal])
    log.warn({ retryMs: socketRetryMs }, 'sockets are blocked, the link goes by posts')
    while (!signal.aborted) {
      await clock.sleep(socketRetryMs, signal).catch(() => {}) // the link went down or closes
      if (signal.aborted) return
      this.#moving = this.#move(http)
      await this.#moving
    }
  }

  /** Posts that are under way keep their answers; the server gave the connection to the socket with the registration. */
  async #move(http: HttpConnection): Promise<void> {
    const { log } = this.#options
    try {
      const dialled = await dialSocket(this.#dialling())
      if (this.#connection === http && !this.#stop.signal.aborted) this.#use(dialled)
      else await dialled.wire.close()
      http.retire()
    } catch (error) {
      log.debug({ reason: error instanceof Error ? error.message : String(error) }, 'sockets are still blocked')
    }
  }

  /** A row that came over both connections, or again after a reconnect, is acted on once, and acknowledged each time once it is written down. */
  #onPush(push: Push): void {
    const acted = this.#seen.get(push.seq) ?? this.#options.onPush(push)
    this.#seen.set(push.seq, acted)
    const [oldest] = this.#seen.keys()
    if (this.#seen.size > rememberedRows && oldest !== undefined) this.#seen.delete(oldest)
    acted
      .then((done) => {
        if (done === null) this.#seen.delete(push.seq)
        return done === null ? null : this.request('ack', { seq: push.seq, ...done })
      })
      .catch(() => {}) // sent again by the server if it was not heard
  }
}

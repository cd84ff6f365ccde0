// The daemon's standing link: connects, registers, reconciles, and does so again for as long as the daemon lives.

import type { Clock } from '../../core/clock.ts'
import { Problem } from '../../core/problem.ts'
import { fullJitter } from '../../lib/backoff.ts'
import type { Env } from '../../lib/env.ts'
import type { Log } from '../../lib/log.ts'
import type { FromDaemon, FromDaemonBody, FromDaemonReply } from '../../protocol/link.ts'
import type { Push } from './connection.ts'
import { Connection } from './connection.ts'

export interface LinkOptions {
  readonly url: string
  readonly token: string
  readonly env: Env
  readonly clock: Clock
  readonly log: Log
  /** What to say on each connect: the offer and what runs, as of now. */
  registration(): FromDaemonBody<'register'>
  /** Called after each registration, before anything else is sent; reconciles. */
  onRegistered(reply: FromDaemonReply<'register'>): void
  onPush(push: Push): void
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

export class Link {
  readonly #options: LinkOptions
  readonly #stop = new AbortController()
  #connection: Connection | null = null
  #waiters: (() => void)[] = []

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
    for (let failures = 0; !this.#stop.signal.aborted; ) {
      try {
        const connection = await this.#connect()
        failures = 0
        hopeless = false
        const why = await connection.closed
        this.#connection = null
        if (!this.#stop.signal.aborted) log.warn({ reason: why.detail }, 'link lost')
      } catch (error) {
        this.#connection = null
        if (hopeless || (error instanceof Problem && final.has(error.code))) throw error
        log.warn({ reason: error instanceof Error ? error.message : String(error) }, 'link not made')
        failures += 1
      }
      await clock.sleep(fullJitter(failures, reconnect), this.#stop.signal).catch(() => {}) // closing ends the wait
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

  close(): void {
    this.#stop.abort()
    this.#connection?.close()
  }

  async #connect(): Promise<Connection> {
    const { url, token, env, log } = this.#options
    const connection = await Connection.open({ url, token, env, onPush: (push) => this.#options.onPush(push) })
    try {
      const reply = await connection.request('register', this.#options.registration(), requestTimeoutMs)
      this.#connection = connection
      log.info({ daemonId: reply.daemonId, url }, 'link up')
      this.#options.onRegistered(reply)
    } catch (error) {
      connection.close()
      throw error
    }
    for (const wake of this.#waiters.splice(0)) wake()
    return connection
  }
}

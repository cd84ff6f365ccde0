// One socket to the server: frames out with an id, replies matched to them, pushes handed on. It lives until the socket does.

import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { WebSocket } from 'ws'
import { Problem } from '../../core/problem.ts'
import type { Env } from '../../lib/env.ts'
import type { FromDaemon, FromDaemonBody, FromDaemonReply } from '../../protocol/link.ts'
import { serverFrame } from '../../protocol/link.ts'
import { limits } from '../../protocol/names.ts'
import type { TerminalOrder } from '../../protocol/terminal.ts'
import type { Ended, Opening, Push, Wire } from './wire.ts'
import { longestSilenceMs, parseJson, readProblem, readPush, readReply, silenceFor } from './wire.ts'

const proxyVariables = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'] as const

interface Waiting {
  resolve(body: unknown): void
  reject(error: unknown): void
  readonly timer: NodeJS.Timeout
}

const connectTimeoutMs = 10_000

export class Connection implements Wire {
  readonly kind = 'ws'
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, Waiting>()
  readonly #onPush: (push: Push) => void
  readonly #onOrder: (order: TerminalOrder) => void
  readonly #closed = Promise.withResolvers<Ended>()
  #nextId = 1
  #silenceMs = longestSilenceMs
  #silence: NodeJS.Timeout | null = null

  private constructor(socket: WebSocket, { onPush, onOrder }: Pick<Opening, 'onPush' | 'onOrder'>) {
    this.#socket = socket
    this.#onPush = onPush
    this.#onOrder = onOrder
    socket.on('message', (data) => this.#hear(String(data)))
    socket.on('ping', () => this.#heard())
    socket.on('error', () => socket.terminate()) // 'close' follows and tells
    socket.on('close', (code, reason) =>
      this.#end(code, new Problem('not_connected', `the server closed the link (${code} ${reason})`.trim())),
    )
    this.#heard()
  }

  /** Opens a socket. Throws `not_connected`, or `unauthorized`, `forbidden`, `origin_refused` when the server refuses the token or host. */
  static async open({ url, token, env, ...heard }: Opening): Promise<Connection> {
    const target = `${url.replace(/^http/, 'ws').replace(/\/$/, '')}/v1/daemon`
    const socket = new WebSocket(target, {
      headers: { authorization: `Bearer ${token}` },
      handshakeTimeout: connectTimeoutMs,
      maxPayload: limits.frameBytes * 64, // assignments carry prompts; the server is trusted this far
      perMessageDeflate: false,
      ...agentFor(url, env),
    })
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('unexpected-response', (_, response) => {
        socket.terminate()
        reject(refusal(response.statusCode ?? 0, url))
      })
      socket.once('error', (cause) =>
        reject(new Problem('not_connected', `${url} does not answer (${cause.message})`, { cause })),
      )
    })
    return new Connection(socket, heard)
  }

  get closed(): Promise<Ended> {
    return this.#closed.promise
  }

  request<T extends FromDaemon>(type: T, body: FromDaemonBody<T>, timeoutMs: number): Promise<FromDaemonReply<T>> {
    const id = this.#nextId
    this.#nextId += 1
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        reject(new Problem('not_connected', `the server did not answer ${type} within ${timeoutMs} ms`))
      }, timeoutMs)
      const settle = (reply: unknown) => {
        try {
          resolve(readReply(type, reply))
        } catch (error) {
          reject(error)
        }
      }
      this.#waiting.set(id, { resolve: settle, reject, timer })
      if (this.#socket.readyState !== WebSocket.OPEN)
        return this.#fail(id, new Problem('not_connected', 'the link is closed'))
      this.#socket.send(JSON.stringify({ id, type, body }))
    })
  }

  expectBeats(intervalMs: number): void {
    this.#silenceMs = silenceFor(intervalMs)
    this.#heard()
  }

  drop(): void {
    this.#socket.terminate()
  }

  async close(): Promise<void> {
    this.#socket.close(1000, 'bye')
    setTimeout(() => this.#socket.terminate(), 1_000).unref()
  }

  #hear(text: string): void {
    this.#heard()
    const frame = serverFrame.safeParse(parseJson(text))
    if (!frame.success) {
      this.#socket.terminate()
      return
    }
    const { data } = frame
    if ('seq' in data) {
      const push = readPush(data)
      if (push !== null) this.#onPush(push)
      return
    }
    if ('live' in data) {
      this.#onOrder(data.body)
      return
    }
    const waiting = this.#waiting.get(data.re)
    if (waiting === undefined) return
    this.#waiting.delete(data.re)
    clearTimeout(waiting.timer)
    if ('problem' in data) waiting.reject(readProblem(data.problem))
    else waiting.resolve(data.body)
  }

  #heard(): void {
    if (this.#silence !== null) clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.#socket.terminate(), this.#silenceMs)
  }

  #fail(id: number, problem: Problem): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    this.#waiting.delete(id)
    clearTimeout(waiting.timer)
    waiting.reject(problem)
  }

  #end(code: number, problem: Problem): void {
    if (this.#silence !== null) clearTimeout(this.#silence)
    for (const id of [...this.#waiting.keys()]) this.#fail(id, problem)
    this.#closed.resolve({ code, why: problem })
  }
}

/** `ws` asks no proxy by itself; Node's agents do when they are given the variables. A server on this machine is never behind one. */
export function agentFor(url: string, env: Env): { agent?: HttpAgent } {
  const { protocol, hostname } = new URL(url)
  const proxies = Object.fromEntries(
    proxyVariables.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  )
  if (Object.keys(proxies).length === 0 || ['127.0.0.1', 'localhost', '[::1]'].includes(hostname)) return {}
  const Agent = protocol === 'https:' ? HttpsAgent : HttpAgent
  return { agent: new Agent({ proxyEnv: proxies }) }
}

function refusal(status: number, url: string): Problem {
  if (status === 401) return new Problem('unauthorized', `${url} does not know this token`)
  if (status === 403) return new Problem('forbidden', `${url} does not let this token run a daemon`)
  if (status === 421) return new Problem('host_refused', `${url} is not an address that server goes by`)
  return new Problem('not_connected', `${url} answered ${status} instead of opening the link`)
}

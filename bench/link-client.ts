// A daemon as the server sees it: the real messages over a real socket, without agents behind them.

import { WebSocket } from 'ws'
import type { DaemonOffer } from '../src/protocol/fleet.ts'
import type { Assignment } from '../src/protocol/link.ts'
import { protocolVersion } from '../src/protocol/link.ts'

interface Waiting {
  readonly resolve: (body: unknown) => void
  readonly reject: (error: unknown) => void
}

export interface Owned {
  readonly attemptId: string
  readonly epoch: number
}

export class LinkClient {
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, Waiting>()
  #id = 0
  onPush: (type: string, body: unknown) => void = () => {}

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (data) => this.#take(JSON.parse(String(data))))
    socket.on('close', () => {
      for (const each of this.#waiting.values()) each.reject(new Error('the server closed the socket'))
      this.#waiting.clear()
    })
    socket.on('error', () => {}) // its close tells
  }

  static open(port: number, token: string): Promise<LinkClient> {
    const headers = { authorization: `Bearer ${token}` }
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/daemon`, { headers, perMessageDeflate: false })
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(new LinkClient(socket)))
      socket.once('error', reject)
    })
  }

  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  ask<T>(type: string, body: unknown): Promise<T> {
    return this.askText(type, JSON.stringify(body))
  }

  /** The same with a body that is JSON text already. */
  askText<T>(type: string, body: string): Promise<T> {
    this.#id += 1
    const id = this.#id
    this.#socket.send(`{"id":${id},"type":"${type}","body":${body}}`)
    return new Promise<T>((resolve, reject) => {
      const settle = resolve as (body: unknown) => void // the caller names the reply
      this.#waiting.set(id, { resolve: settle, reject })
    })
  }

  register(name: string, offer: Partial<DaemonOffer> = {}): Promise<{ daemonId: string }> {
    const key = `${name}-`.padEnd(24, 'k')
    return this.ask('register', {
      protocol: protocolVersion,
      key,
      bootId: `boot-${process.pid}`,
      offer: { ...plainOffer(name), ...offer },
      running: [],
    })
  }

  async claim(max: number, waitMs: number): Promise<readonly Assignment[]> {
    const reply = await this.ask<{ assignments: readonly Assignment[] }>('claim', { max, waitMs, taskId: null })
    return reply.assignments
  }

  /** The final report of a run that changed nothing and ended well. */
  result({ attemptId, epoch }: Owned): Promise<unknown> {
    return this.askText(
      'result',
      `{"attemptId":"${attemptId}","epoch":${epoch},"at":${Date.now()},"exitCode":0,"signal":null,"usage":null,"costUsd":null,"evidence":null,"withheld":[],"sessionRef":null}`,
    )
  }

  close(): void {
    this.#socket.terminate()
  }

  #take(frame: { re?: number; body?: unknown; problem?: { code: string; detail: string }; type?: string }): void {
    if (frame.re === undefined) {
      this.onPush(frame.type ?? '', frame.body)
      return
    }
    const waiting = this.#waiting.get(frame.re)
    this.#waiting.delete(frame.re)
    if (frame.problem === undefined) waiting?.resolve(frame.body)
    else waiting?.reject(new Error(`${frame.problem.code}: ${frame.problem.detail}`))
  }
}

function plainOffer(name: string): DaemonOffer {
  return {
    hostId: name,
    name,
    version: '0.0.0-bench',
    platform: 'linux-x64',
    pid: process.pid,
    identity: 'default',
    pool: null,
    roles: [],
    repos: [],
    harnesses: [{ name: 'shell', version: '1', ready: true, problem: null }],
    profiles: [],
    labels: [],
    types: [],
    only: {},
    maxAgents: 100,
    freeDiskBytes: null,
    freeMemoryBytes: null,
  }
}

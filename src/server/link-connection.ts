// One daemon's socket: frames in and out, a ping that notices dead ones, and a brake for a daemon that sends faster than it is stored.

import type { WebSocket } from 'ws'
import { Problem } from '../core/problem.ts'
import type { FromDaemon, FromServer, ServerFrame } from '../protocol/link.ts'
import { fromDaemon, requestFrame } from '../protocol/link.ts'
import { check, parseJsonText } from './input.ts'

/** Why a socket was closed by this server, as WebSocket close codes. */
export const closeCodes = {
  /** The server goes away or restarts: come back. */
  goingAway: 1001,
  /** The registration was refused; the reply said why. */
  refused: 4403,
  /** The token was revoked or ran out. */
  unauthorized: 4401,
  /** The same daemon has connected anew. */
  replaced: 4409,
} as const

export interface Frame {
  readonly id: number
  readonly type: FromDaemon
  readonly body: unknown
}

/** More frames than this under way stop the reading until half are done. */
const framesUnderWay = 64
/** A daemon that lets this much pile up unread is not there any more, bytes. */
const unreadBytes = 33_554_432
/** The id of a reply to something that had none. */
const nobody = -1

export class LinkConnection {
  readonly #socket: WebSocket
  readonly #answer: (frame: Frame) => Promise<unknown>
  readonly #describe: (error: unknown) => { readonly code: string; readonly detail: string }
  #underWay = 0
  #alive = true
  #idle: (() => void) | null = null

  /** `answer` gives a frame's reply or throws; `describe` turns what it threw into a problem. */
  constructor(
    socket: WebSocket,
    answer: (frame: Frame) => Promise<unknown>,
    describe: (error: unknown) => { readonly code: string; readonly detail: string },
  ) {
    this.#socket = socket
    this.#answer = answer
    this.#describe = describe
    socket.on('pong', () => {
      this.#alive = true
    })
    socket.on('message', (data, binary) => {
      this.#alive = true
      // The default binaryType gives Buffers, never fragments.
      void this.#receive(binary ? null : String(data))
    })
  }

  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN
  }

  onClose(then: (code: number) => void): void {
    this.#socket.once('close', then)
  }

  /** Sends a row; the daemon acknowledges its seq. */
  push(seq: number, type: FromServer, body: unknown): void {
    this.#send({ seq, type, body })
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason)
  }

  /** Calls back once, as soon as every frame that has come in is answered. */
  whenIdle(then: () => void): void {
    if (this.#underWay === 0) then()
    else this.#idle = then
  }

  terminate(): void {
    this.#socket.terminate()
  }

  /** Called at the ping interval: a socket that answered nothing since the last one is dead. */
  ping(): void {
    if (!this.#alive) {
      this.#socket.terminate()
      return
    }
    this.#alive = false
    this.#socket.ping()
  }

  async #receive(text: string | null): Promise<void> {
    let id = nobody
    this.#underWay += 1
    if (this.#underWay >= framesUnderWay) this.#socket.pause()
    try {
      if (text === null) throw new Problem('malformed_json', 'frames are JSON text, not binary')
      const frame = readFrame(text)
      id = frame.id
      this.#send({ re: id, body: await this.#answer(known(frame)) })
    } catch (error) {
      this.#send({ re: id, problem: this.#describe(error) })
    } finally {
      this.#underWay -= 1
      if (this.#underWay === 0) this.#idle?.()
      if (this.#underWay <= framesUnderWay / 2 && this.#socket.isPaused) this.#socket.resume()
    }
  }

  #send(frame: ServerFrame): void {
    if (!this.open) return // the daemon comes back and asks again
    if (this.#socket.bufferedAmount > unreadBytes) {
      this.#socket.terminate()
      return
    }
    this.#socket.send(JSON.stringify(frame))
  }
}

function readFrame(text: string): { id: number; type: string; body?: unknown } {
  return check(requestFrame, parseJsonText(text, 'the frame', { nul: 'allowed', depth: 500 }), 'the frame')
}

function known(frame: { id: number; type: string; body?: unknown }): Frame {
  const { id, type, body } = frame
  if (isMessage(type)) return { id, type, body }
  throw new Problem('invalid_request', `there is no message type ${JSON.stringify(type)}`)
}

function isMessage(type: string): type is FromDaemon {
  return Object.hasOwn(fromDaemon, type)
}

// One daemon's socket: frames in and out, a ping that notices dead ones, and a brake for a daemon that sends faster than it is stored.

import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { Problem } from '../core/problem.ts'
import type { FromServer, ServerFrame } from '../protocol/link.ts'
import type { TerminalOrder } from '../protocol/terminal.ts'
import type { Answer, LinkWire } from './link-wire.ts'
import { knownFrame, readFrame } from './link-wire.ts'

/** More frames than this under way stop the reading until half are done. */
const framesUnderWay = 64
/** A daemon that lets this much pile up unread is not there any more, bytes. */
const unreadBytes = 33_554_432
/** The id of a reply to something that had none. */
const nobody = -1

export class LinkConnection implements LinkWire {
  readonly #socket: WebSocket
  readonly #stream: Duplex
  #corked = false
  readonly #answer: Answer
  readonly #describe: (error: unknown) => { readonly code: string; readonly detail: string }
  #underWay = 0
  #alive = true
  #idle: (() => void) | null = null

  /**
   * `stream` is what the socket speaks over. `answer` gives a frame's reply or throws; `describe` turns what it threw into a problem.
   */
  constructor(
    { socket, stream }: { readonly socket: WebSocket; readonly stream: Duplex },
    answer: Answer,
    describe: (error: unknown) => { readonly code: string; readonly detail: string },
  ) {
    this.#socket = socket
    this.#stream = stream
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

  push(seq: number, type: FromServer, body: unknown): void {
    this.#send({ seq, type, body })
  }

  order(order: TerminalOrder): void {
    this.#send({ live: 'terminal', body: order })
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason)
  }

  whenIdle(then: () => void): void {
    if (this.#underWay === 0) then()
    else this.#idle = then
  }

  terminate(): void {
    this.#socket.terminate()
  }

  /** A socket that answered nothing since the last ping is dead. */
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
      this.#send({ re: id, body: await this.#answer(knownFrame(frame)) })
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
    this.#cork()
    this.#socket.send(JSON.stringify(frame))
  }

  /** What is answered together (a commit answers many frames) goes out in one write. */
  #cork(): void {
    if (this.#corked) return
    this.#corked = true
    this.#stream.cork()
    process.nextTick(() => {
      this.#corked = false
      this.#stream.uncork()
    })
  }
}

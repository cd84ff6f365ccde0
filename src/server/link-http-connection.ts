// One daemon's connection over HTTP: frames come as posts, rows leave through a long poll, silence is its only way to break.

import type { FromServer, ServerFrame } from '../protocol/link.ts'
import type { TerminalOrder } from '../protocol/terminal.ts'
import type { Answer, LinkWire } from './link-wire.ts'
import { closeCodes, knownFrame, readFrame } from './link-wire.ts'

export type Describe = (error: unknown) => { readonly code: string; readonly detail: string }

/** What a poll brings: rows after the seq that was asked from, and the connection's end when it came. */
export interface Polled {
  readonly frames: readonly ServerFrame[]
  readonly closed: { readonly code: number; readonly reason: string } | null
}

/** Ping intervals without any request before it is taken for dead. A poll is held for less than two. */
const quietPings = 3
/** Orders about terminals that wait for a poll; older ones are dropped, as their watchers' typing would be by a link that is down. */
const waitingOrders = 1_000

type RowFrame = Extract<ServerFrame, { seq: number }>

export class HttpConnection implements LinkWire {
  readonly #answer: Answer
  readonly #describe: Describe
  readonly #onClose: ((code: number) => void)[] = []
  readonly #over = new AbortController()
  /** Rows pushed and not yet polled past. */
  #rows: RowFrame[] = []
  #orders: TerminalOrder[] = []
  #closed: Polled['closed'] = null
  #posts = 0
  #quiet = 0
  #idle: (() => void) | null = null
  #wake: (() => void) | null = null

  constructor(answer: Answer, describe: Describe) {
    this.#answer = answer
    this.#describe = describe
  }

  get open(): boolean {
    return this.#closed === null
  }

  /** Aborted when the connection is over. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  onClose(then: (code: number) => void): void {
    if (this.#closed !== null) then(this.#closed.code)
    else this.#onClose.push(then)
  }

  push(seq: number, type: FromServer, body: unknown): void {
    if (!this.#rows.some((row) => row.seq === seq)) this.#rows.push({ seq, type, body })
    this.#wake?.()
  }

  order(order: TerminalOrder): void {
    this.#orders.push(order)
    if (this.#orders.length > waitingOrders) this.#orders.shift()
    this.#wake?.()
  }

  close(code: number, reason: string): void {
    if (this.#closed !== null) return
    this.#closed = { code, reason }
    this.#over.abort(new Error(reason))
    this.#wake?.()
    for (const then of this.#onClose) then(code)
  }

  whenIdle(then: () => void): void {
    if (this.#posts === 0) then()
    else this.#idle = then
  }

  terminate(): void {
    this.close(closeCodes.silent, 'nothing was heard for too long')
  }

  ping(): void {
    if (this.#posts > 0 || this.#wake !== null) this.#quiet = 0
    else this.#quiet += 1
    if (this.#quiet >= quietPings) this.terminate()
  }

  /** A frame came as a post; gives the frame that answers it. Throws for text that is no frame. */
  async post(text: string): Promise<ServerFrame> {
    const frame = readFrame(text)
    this.#quiet = 0
    this.#posts += 1
    try {
      return { re: frame.id, body: await this.#answer(knownFrame(frame)) }
    } catch (error) {
      const { code, detail } = this.#describe(error)
      return { re: frame.id, problem: { code, detail } }
    } finally {
      this.#posts -= 1
      if (this.#posts === 0) this.#idle?.()
    }
  }

  /** Rows after a seq; waits for one up to `signal`. A newer poll ends an older one, which brings what there is. */
  async poll(after: number, signal: AbortSignal): Promise<Polled> {
    this.#quiet = 0
    this.#wake?.()
    this.#rows = this.#rows.filter((row) => row.seq > after)
    if (this.#rows.length + this.#orders.length === 0 && this.#closed === null && !signal.aborted)
      await this.#woken(signal)
    this.#quiet = 0
    const orders = this.#orders.splice(0).map((body) => ({ live: 'terminal' as const, body }))
    return { frames: [...this.#rows.filter((row) => row.seq > after), ...orders], closed: this.#closed }
  }

  #woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake)
        if (this.#wake === wake) this.#wake = null
        resolve()
      }
      this.#wake = wake
      signal.addEventListener('abort', wake, { once: true })
    })
  }
}

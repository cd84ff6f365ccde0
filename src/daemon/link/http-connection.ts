// The link where sockets are blocked: each message is a post, the server's rows come by a poll it holds. Its first message registers.

import { z } from 'zod'
import { isProblemCode, Problem } from '../../core/problem.ts'
import type { FromDaemon, FromDaemonBody, FromDaemonReply } from '../../protocol/link.ts'
import { serverFrame } from '../../protocol/link.ts'
import type { Ended, Opening, Wire } from './wire.ts'
import { broken, longestSilenceMs, parseJson, readProblem, readPush, readReply, silenceFor } from './wire.ts'

const path = '/v1/daemon/messages'
const connectionHeader = 'capstan-connection'
/** A poll is held for 25 s; an answer that takes longer than this is none. */
const pollTimeoutMs = 40_000
/** Posts under way when the link moves to a socket are answered within this, or nobody waits any more. */
const retireMs = 45_000
const goodbyeMs = 1_000

const polled = z.object({
  frames: z.array(serverFrame),
  closed: z.object({ code: z.number(), reason: z.string() }).nullable(),
})
const posted = z.intersection(serverFrame, z.object({ connection: z.string().optional() }))

export class HttpConnection implements Wire {
  readonly kind = 'http'
  readonly #opening: Opening
  readonly #over = new AbortController()
  readonly #polls = new AbortController()
  readonly #closed = Promise.withResolvers<Ended>()
  #id: string | null = null
  #nextId = 1
  #after = 0
  #silenceMs = longestSilenceMs
  #silence: NodeJS.Timeout | null = null

  /** Nothing is sent before the registration. */
  constructor(opening: Opening) {
    this.#opening = opening
    this.#heard()
  }

  get closed(): Promise<Ended> {
    return this.#closed.promise
  }

  async request<T extends FromDaemon>(
    type: T,
    body: FromDaemonBody<T>,
    timeoutMs: number,
  ): Promise<FromDaemonReply<T>> {
    const id = this.#nextId
    this.#nextId += 1
    const answer = await this.#ask(`${type}`, timeoutMs, { method: 'POST', body: JSON.stringify({ id, type, body }) })
    const frame = posted.safeParse(answer)
    if (!frame.success || !('re' in frame.data)) throw this.#fail('the answer to a post is no frame')
    if ('problem' in frame.data) throw readProblem(frame.data.problem)
    const reply = readReply(type, frame.data.body)
    if (type === 'register' && this.#id === null) this.#begin(frame.data.connection ?? '')
    return reply
  }

  expectBeats(intervalMs: number): void {
    this.#silenceMs = silenceFor(intervalMs)
    this.#heard()
  }

  drop(): void {
    this.#fail('the connection was dropped')
  }

  async close(): Promise<void> {
    const goodbye = this.#id !== null && !this.#over.signal.aborted
    const headers = this.#headers()
    this.#fail('the daemon closed the link')
    if (!goodbye) return
    const address = this.#opening.url.replace(/\/$/, '') + path
    // Whether it arrives or not: if it does not, the silence tells.
    await fetch(address, { method: 'DELETE', headers, signal: AbortSignal.timeout(goodbyeMs) }).catch(() => {})
  }

  /** The link goes on over another connection: no more polls, posts under way get their answers. */
  retire(): void {
    this.#end({ code: 1000, why: new Problem('not_connected', 'the link moved to a socket') })
    setTimeout(() => this.#over.abort(), retireMs).unref()
  }

  #begin(connection: string): void {
    this.#id = connection
    void this.#pollAll()
  }

  /** Ends by the server's word or with the connection; never throws. */
  async #pollAll(): Promise<void> {
    while (!this.#polls.signal.aborted) {
      try {
        const answer = await this.#ask('a poll', pollTimeoutMs, { method: 'GET', query: `?after=${this.#after}` })
        const parsed = polled.safeParse(answer)
        if (!parsed.success) throw this.#fail('the answer to a poll is not understood')
        this.#take(parsed.data)
      } catch {
        return // #ask has ended the connection
      }
    }
  }

  #take({ frames, closed }: z.infer<typeof polled>): void {
    for (const frame of frames) {
      if ('live' in frame && !this.#polls.signal.aborted) this.#opening.onOrder(frame.body)
      if (!('seq' in frame) || frame.seq <= this.#after) continue
      this.#after = frame.seq
      const push = readPush(frame)
      if (push !== null && !this.#polls.signal.aborted) this.#opening.onPush(push)
    }
    if (closed === null) return
    const said = `the server closed the link (${closed.code} ${closed.reason})`
    this.#end({ code: closed.code, why: new Problem('not_connected', said) })
  }

  /** One request. Whatever fails it but the server's own answer ends the connection: what it would have said is not known. */
  async #ask(
    what: string,
    timeoutMs: number,
    sent: { method: string; body?: string; query?: string },
  ): Promise<unknown> {
    if (this.#over.signal.aborted) throw new Problem('not_connected', 'the link is closed')
    const timeout = AbortSignal.timeout(timeoutMs)
    const stop = sent.method === 'GET' ? this.#polls.signal : this.#over.signal
    const address = this.#opening.url.replace(/\/$/, '') + path + (sent.query ?? '')
    try {
      const response = await fetch(address, {
        method: sent.method,
        headers: this.#headers(),
        redirect: 'error',
        signal: AbortSignal.any([stop, timeout]),
        ...(sent.body === undefined ? {} : { body: sent.body }),
      })
      const text = await response.text()
      this.#heard()
      if (response.ok) return parseJson(text)
      throw refusalOf(response.status, text, this.#opening.url)
    } catch (error) {
      if (error instanceof Problem) throw this.#failWith(error)
      if (timeout.aborted) throw this.#fail(`the server did not answer ${what} within ${timeoutMs} ms`, error)
      throw this.#fail(`${this.#opening.url} does not answer ${what} (${causeOf(error)})`, error)
    }
  }

  #headers(): Record<string, string> {
    const { token } = this.#opening
    const own = this.#id === null ? {} : { [connectionHeader]: this.#id }
    return { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...own }
  }

  #heard(): void {
    if (this.#silence !== null) clearTimeout(this.#silence)
    if (this.#polls.signal.aborted) return
    this.#silence = setTimeout(() => this.#fail('nothing was heard from the server'), this.#silenceMs)
  }

  #fail(detail: string, cause?: unknown): Problem {
    return this.#failWith(new Problem('not_connected', detail, { cause }))
  }

  #failWith(why: Problem): Problem {
    this.#end({ code: broken, why })
    this.#over.abort()
    return why
  }

  #end(ended: Ended): void {
    this.#polls.abort()
    if (this.#silence !== null) clearTimeout(this.#silence)
    this.#closed.resolve(ended)
  }
}

/** A problem of the server, or what stands in front of it said in words. */
function refusalOf(status: number, text: string, url: string): Problem {
  const body = parseJson(text)
  const { code, detail } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown> // checked: an object
  if (code === 'invalid_state') return new Problem('not_connected', String(detail))
  if (isProblemCode(code)) return new Problem(code, String(detail ?? ''))
  return new Problem('not_connected', `${url} answered ${status} and not as Capstan does`)
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error)) return String(cause)
  return cause.message === '' && 'code' in cause ? String(cause.code) : cause.message
}

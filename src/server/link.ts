// The daemon link over WebSocket at /v1/daemon: admits sockets, keeps one session per daemon, pushes rows until they are acknowledged.

import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { Problem } from '../core/problem.ts'
import { fromDaemon, fromServer } from '../protocol/link.ts'
import { limits } from '../protocol/names.ts'
import { disconnectDaemon } from '../store/daemons.ts'
import { pendingMessages } from '../store/messages.ts'
import type { Note } from '../store/port.ts'
import type { Auth, Credentials } from './auth.ts'
import { requireScope } from './auth.ts'
import type { Dispatch, Seat } from './dispatch.ts'
import { check } from './input.ts'
import type { Frame } from './link-connection.ts'
import { closeCodes, LinkConnection } from './link-connection.ts'
import { register } from './link-register.ts'
import { LinkSession } from './link-session.ts'
import type { Metrics } from './metrics.ts'
import type { Caller, Plane } from './plane.ts'
import { describeFailure } from './problem-response.ts'

export const linkPath = '/v1/daemon'

export interface LinkParts {
  readonly plane: Plane
  readonly auth: Auth
  readonly dispatch: Dispatch
  readonly metrics: Metrics
}

/** Frame, type and reply id stand around a body that may be as large as the limit. */
const frameSlack = 65_536
/** Problems after which the daemon cannot go on with this socket. */
const fatal: readonly string[] = [
  'protocol_unsupported',
  'daemon_running',
  'pool_connector_mismatch',
  'unknown_pool',
  'unknown_profile',
]

const drainRow = fromServer.drain

/** One socket, from its handshake on. `session` is null until it has registered. */
interface Line {
  readonly id: string
  readonly caller: Caller
  readonly connection: LinkConnection
  session: LinkSession | null
  /** Rows up to this seq were pushed on this socket. */
  pushed: number
  pushing: boolean
  pushAgain: boolean
}

export class Link {
  readonly #parts: LinkParts
  readonly #sockets: WebSocketServer
  readonly #lines = new Set<Line>()
  readonly #byDaemon = new Map<string, Line>()
  /** Disconnects under way: close waits for them before the store closes. */
  readonly #leaving = new Set<Promise<void>>()

  constructor(parts: LinkParts) {
    this.#parts = parts
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: limits.frameBytes + frameSlack,
      perMessageDeflate: false,
    })
  }

  get connected(): number {
    return this.#byDaemon.size
  }

  /** Takes over an upgrade request whose Host and Origin were checked. Throws the problem of a caller who may not connect. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const credentials = { authorization: request.headers.authorization, cookie: undefined }
    const caller = await this.#parts.auth.caller(credentials)
    requireScope(caller, 'daemon', 'the daemon link')
    this.#sockets.handleUpgrade(request, socket, head, (opened) => {
      const line: Line = {
        id: randomUUID(),
        caller,
        connection: new LinkConnection(
          opened,
          (frame) => this.#answer(line, frame),
          (error) => describeFailure(error, this.#parts.plane.log),
        ),
        session: null,
        pushed: 0,
        pushing: false,
        pushAgain: false,
      }
      // A frame too large or not UTF-8: ws closes the socket with the code that says so.
      opened.on('error', (error) =>
        this.#parts.plane.log.warn({ err: error, connection: line.id }, 'daemon socket failed'),
      )
      this.#admit(line, credentials)
    })
  }

  hear(note: Note): void {
    if (note.kind !== 'message') return
    const line = this.#byDaemon.get(note.daemonId)
    if (line !== undefined) this.#push(line)
  }

  /** Called at the ping interval. */
  ping(): void {
    for (const { connection } of this.#lines) connection.ping()
  }

  /** Answers what is under way, then tells every daemon that the server goes away, so that they come back; resolves when the sockets are closed. */
  async close(timeoutMs: number): Promise<void> {
    const closed = [...this.#lines].map(
      ({ connection }) => new Promise<void>((resolve) => connection.onClose(() => resolve())),
    )
    for (const { connection } of this.#lines)
      connection.whenIdle(() => connection.close(closeCodes.goingAway, 'the server goes away'))
    const timer = setTimeout(() => {
      for (const { connection } of this.#lines) connection.terminate()
    }, timeoutMs)
    await Promise.all(closed)
    clearTimeout(timer)
    await Promise.all(this.#leaving)
    this.#sockets.close()
  }

  #admit(line: Line, credentials: Credentials): void {
    this.#lines.add(line)
    const unwatch = this.#parts.auth.watch(line.caller, credentials, () => {
      line.connection.close(closeCodes.unauthorized, 'the token was revoked')
      line.session?.close()
    })
    line.connection.onClose((code) => {
      unwatch()
      this.#lines.delete(line)
      const leaving = this.#leave(line, code).finally(() => this.#leaving.delete(leaving))
      this.#leaving.add(leaving)
    })
  }

  async #leave(line: Line, code: number): Promise<void> {
    const { session, id } = line
    if (session === null) return
    session.close()
    const { daemonId } = session.seat
    if (this.#byDaemon.get(daemonId) === line) this.#byDaemon.delete(daemonId)
    const { log, store } = this.#parts.plane
    log.info({ daemonId, connection: id, code }, 'daemon disconnected')
    try {
      await store.run((tx) => disconnectDaemon(tx, daemonId, id))
    } catch (error) {
      log.warn({ err: error, daemonId }, 'disconnect was not stored') // its silence will tell
    }
  }

  async #answer(line: Line, { type, body }: Frame): Promise<unknown> {
    this.#parts.plane.log.debug({ connection: line.id, type, body }, 'link frame')
    if (type === 'register') return await this.#register(line, body)
    if (line.session === null) throw new Problem('invalid_state', `${type} came before register`)
    return await line.session.answer(type, body)
  }

  async #register(line: Line, body: unknown): Promise<unknown> {
    const { plane, metrics } = this.#parts
    try {
      const checked = check(fromDaemon.register.input, body, 'register')
      const { seat, reply, again } = await register(plane, line.caller, line.id, checked)
      metrics.connects.inc({ kind: again ? 'again' : 'first' })
      plane.log.info(
        { daemonId: seat.daemonId, name: seat.daemonName, connection: line.id, again },
        'daemon registered',
      )
      const before = this.#byDaemon.get(seat.daemonId)
      if (before !== undefined && before !== line)
        before.connection.close(closeCodes.replaced, 'the daemon connected anew')
      this.#byDaemon.set(seat.daemonId, line)
      if (line.session === null) line.session = this.#makeSession(line, seat)
      else line.session.seat = seat
      line.pushed = 0
      // After the reply: the daemon takes rows only once it knows who it is.
      setImmediate(() => this.#push(line))
      return reply
    } catch (error) {
      // A daemon whose socket stays open after a refusal would look healthy.
      if (error instanceof Problem && fatal.includes(error.code))
        setImmediate(() => line.connection.close(closeCodes.refused, error.code))
      throw error
    }
  }

  #makeSession(line: Line, seat: Seat): LinkSession {
    const { plane, dispatch, metrics } = this.#parts
    const giveUp = () => setImmediate(() => line.connection.close(closeCodes.replaced, 'register again'))
    return new LinkSession({ plane, dispatch, metrics, connectionId: line.id, giveUp }, seat)
  }

  /** Pushes the rows that this socket has not seen. One look at a time; a note during it leads to another. */
  #push(line: Line): void {
    line.pushAgain = true
    if (line.pushing) return
    line.pushing = true
    void this.#pushAll(line)
      .catch((error: unknown) => this.#parts.plane.log.warn({ err: error }, 'messages could not be read')) // re-sent at reconnect
      .finally(() => {
        line.pushing = false
      })
  }

  async #pushAll(line: Line): Promise<void> {
    const { session, connection } = line
    if (session === null) return
    while (line.pushAgain && connection.open) {
      line.pushAgain = false
      const rows = await this.#parts.plane.store.read((tx) => pendingMessages(tx, session.seat.daemonId))
      for (const { seq, type, body } of rows) {
        if (seq <= line.pushed) continue
        line.pushed = seq
        if (type === 'drain') session.seat.draining = check(drainRow, body, 'drain').on
        connection.push(seq, type, body)
      }
    }
  }
}

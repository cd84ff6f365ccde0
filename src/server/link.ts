// The daemon link: admits daemons over either binding, keeps one session per daemon, pushes rows until they are acknowledged.

import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { WebSocketServer } from 'ws'
import { Problem } from '../core/problem.ts'
import { limits } from '../protocol/names.ts'
import type { TerminalOrder } from '../protocol/terminal.ts'
import { disconnectDaemon } from '../store/daemons.ts'
import type { Note } from '../store/port.ts'
import type { Auth, Credentials } from './auth.ts'
import { requireScope } from './auth.ts'
import type { Dispatch, Seat } from './dispatch.ts'
import { heardLately, seatOfConnection } from './link-adopt.ts'
import { LinkConnection } from './link-connection.ts'
import { HttpConnection } from './link-http-connection.ts'
import type { Line } from './link-line.ts'
import { pushRows } from './link-line.ts'
import { checkRegistration, register } from './link-register.ts'
import { LinkSession } from './link-session.ts'
import type { Frame, LinkTerminals, LinkWire } from './link-wire.ts'
import { closeCodes } from './link-wire.ts'
import type { Metrics } from './metrics.ts'
import type { Caller, Plane } from './plane.ts'
import { describeFailure } from './problem-response.ts'

export const linkPath = '/v1/daemon'

export interface LinkParts {
  readonly plane: Plane
  readonly auth: Auth
  readonly dispatch: Dispatch
  readonly metrics: Metrics
  readonly terminals: LinkTerminals
}

/** Frame, type and reply id stand around a body that may be as large as the limit. */
export const frameSlack = 65_536
/** Problems after which the daemon cannot go on with this connection. */
const fatal: readonly string[] = [
  'protocol_unsupported',
  'daemon_running',
  'pool_connector_mismatch',
  'unknown_pool',
  'unknown_profile',
]

/** What an HTTP connection's id begins with: only these can be taken over from another replica. */
const httpPrefix = 'http-'

/** Who knocks, and what they brought to prove it. */
export interface Knock {
  readonly caller: Caller
  readonly credentials: Credentials
}

export class Link {
  readonly #parts: LinkParts
  readonly #sockets: WebSocketServer
  readonly #lines = new Set<Line>()
  readonly #byDaemon = new Map<string, Line>()
  readonly #http = new Map<string, Line<HttpConnection>>()
  /** Connections of other replicas that are being looked up: once, however many requests name them. */
  readonly #adopting = new Map<string, Promise<Line<HttpConnection> | null>>()
  #closed = false
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
    const knock = await this.knock({ authorization: request.headers.authorization, cookie: undefined })
    if (this.#closed) throw new Problem('unavailable', 'the server goes away; come back')
    if (this.#unregistered >= this.#parts.plane.settings.unregisteredSockets)
      throw new Problem('unavailable', `${this.#unregistered} daemon sockets have not registered yet; come back`)
    this.#sockets.handleUpgrade(request, socket, head, (opened) => {
      const id = randomUUID()
      // A frame too large or not UTF-8: ws closes the socket with the code that says so.
      opened.on('error', (error) => this.#parts.plane.log.warn({ err: error, connection: id }, 'daemon socket failed'))
      const line = this.#admit(knock, id, (line) => this.#socketWire(line, { socket: opened, stream: socket }))
      void this.#awaitRegistration(line)
    })
  }

  get #unregistered(): number {
    let count = 0
    for (const { session, id } of this.#lines) if (session === null && !id.startsWith(httpPrefix)) count += 1
    return count
  }

  /** A socket that is only held open costs memory for nothing. */
  async #awaitRegistration(line: Line): Promise<void> {
    const { clock, settings } = this.#parts.plane
    const gone = new AbortController()
    line.wire.onClose(() => gone.abort())
    await clock.sleep(settings.registerTimeoutMs, gone.signal).catch(() => {}) // it went away
    if (line.session !== null || gone.signal.aborted) return
    line.wire.close(closeCodes.unregistered, `no registration within ${settings.registerTimeoutMs} ms`)
  }

  /** Throws `unauthorized` or `forbidden` unless these credentials may speak for a daemon. */
  async knock(credentials: Credentials): Promise<Knock> {
    const caller = await this.#parts.auth.caller(credentials)
    requireScope(caller, 'daemon', 'the daemon link')
    return { caller, credentials }
  }

  /** A new HTTP connection; it has to register. Throws `unavailable` when the server is closing. */
  openHttp(knock: Knock): Line<HttpConnection> {
    if (this.#closed) throw new Problem('unavailable', 'the server goes away; come back')
    return this.#admitHttp(knock, httpPrefix + randomUUID())
  }

  /**
   * The HTTP connection by its id, taken over from another replica when it began there. Throws `invalid_state` when it is over: the daemon
   * has to register anew.
   */
  async httpLine(knock: Knock, id: string): Promise<Line<HttpConnection>> {
    const line = this.#http.get(id) ?? (await this.#adopt(knock, id))
    const { teamId, tokenId } = knock.caller
    if (line !== null && line.caller.teamId === teamId && line.caller.tokenId === tokenId) return line
    throw new Problem('invalid_state', `the connection ${JSON.stringify(id.slice(0, 60))} is over; register again`)
  }

  has(daemonId: string): boolean {
    return this.#byDaemon.get(daemonId)?.wire.open === true
  }

  /** False: that daemon is not connected here. */
  order(daemonId: string, order: TerminalOrder): boolean {
    const line = this.#byDaemon.get(daemonId)
    if (line === undefined || !line.wire.open) return false
    line.wire.order(order)
    return true
  }

  hear(note: Note): void {
    if (note.kind !== 'message') return
    const line = this.#byDaemon.get(note.daemonId)
    if (line !== undefined) pushRows(this.#parts.plane, line)
  }

  /** Called at the ping interval. */
  ping(): void {
    for (const { wire } of this.#lines) wire.ping()
  }

  /** Answers what is under way, then tells every daemon that the server goes away, so that they come back; resolves when all are gone. */
  async close(timeoutMs: number): Promise<void> {
    this.#closed = true
    const wires = [...this.#lines].map(({ wire }) => wire)
    const closed = wires.map((wire) => new Promise<void>((resolve) => wire.onClose(() => resolve())))
    for (const wire of wires) wire.whenIdle(() => wire.close(closeCodes.goingAway, 'the server goes away'))
    const timer = setTimeout(() => {
      for (const wire of wires) wire.terminate()
    }, timeoutMs)
    await Promise.all(closed)
    clearTimeout(timer)
    await Promise.all(this.#leaving)
    this.#sockets.close()
  }

  #socketWire(line: () => Line, opened: { readonly socket: WebSocket; readonly stream: Duplex }): LinkConnection {
    const { log } = this.#parts.plane
    return new LinkConnection(
      opened,
      (frame) => this.#answer(line(), frame),
      (error) => describeFailure(error, log),
    )
  }

  #admitHttp(knock: Knock, id: string): Line<HttpConnection> {
    const { log } = this.#parts.plane
    const line = this.#admit(
      knock,
      id,
      (line) =>
        new HttpConnection(
          (frame) => this.#answer(line(), frame),
          (error) => describeFailure(error, log),
        ),
    )
    this.#http.set(id, line)
    line.wire.onClose(() => this.#http.delete(id))
    return line
  }

  #adopt(knock: Knock, id: string): Promise<Line<HttpConnection> | null> {
    const known = this.#adopting.get(id)
    if (known !== undefined) return known
    const adopting = this.#adoptNew(knock, id).finally(() => this.#adopting.delete(id))
    this.#adopting.set(id, adopting)
    return adopting
  }

  async #adoptNew(knock: Knock, id: string): Promise<Line<HttpConnection> | null> {
    const { plane } = this.#parts
    // SQLite has one server: what it does not know is of an earlier start.
    if (!id.startsWith(httpPrefix) || plane.store.dialect === 'sqlite' || this.#closed) return null
    const seat = await seatOfConnection(plane, knock.caller, id)
    if (seat === null) return null
    const line = this.#admitHttp(knock, id)
    plane.log.info({ daemonId: seat.daemonId, connection: id }, 'daemon connection taken over')
    this.#byDaemon.set(seat.daemonId, line)
    line.session = this.#makeSession(line, seat)
    pushRows(plane, line)
    return line
  }

  #admit<W extends LinkWire>({ caller, credentials }: Knock, id: string, makeWire: (line: () => Line) => W): Line<W> {
    const wire: W = makeWire(() => line) // called with the first frame, when the line is there
    const registering = Promise.resolve()
    const line: Line<W> = { id, caller, wire, session: null, registering, pushed: 0, pushing: false, pushAgain: false }
    this.#lines.add(line)
    const unwatch = this.#parts.auth.watch(caller, credentials, () => {
      wire.close(closeCodes.unauthorized, 'the token was revoked')
      line.session?.close()
    })
    wire.onClose((code) => {
      unwatch()
      this.#lines.delete(line)
      const leaving = this.#leave(line, code).finally(() => this.#leaving.delete(leaving))
      this.#leaving.add(leaving)
    })
    return line
  }

  async #leave(line: Line, code: number): Promise<void> {
    const { session, id } = line
    if (session === null) return
    session.close()
    const { daemonId } = session.seat
    if (this.#byDaemon.get(daemonId) === line) {
      this.#byDaemon.delete(daemonId)
      this.#parts.terminals.daemonDown(daemonId)
    }
    const { plane } = this.#parts
    plane.log.info({ daemonId, connection: id, code }, 'daemon disconnected')
    try {
      // An HTTP connection that is silent here may be at work with another replica.
      if (id.startsWith(httpPrefix) && code === closeCodes.silent && (await this.#speaksElsewhere(daemonId))) return
      await plane.store.run((tx) => disconnectDaemon(tx, daemonId, id))
    } catch (error) {
      plane.log.warn({ err: error, daemonId }, 'disconnect was not stored') // its silence will tell
    }
  }

  #speaksElsewhere(daemonId: string): Promise<boolean> {
    const { plane } = this.#parts
    if (plane.store.dialect === 'sqlite') return Promise.resolve(false)
    const { pingMs, heartbeatIntervalMs } = plane.settings
    return heardLately(plane, daemonId, Math.max(2 * pingMs, 2 * heartbeatIntervalMs))
  }

  async #answer(line: Line, { type, body }: Frame): Promise<unknown> {
    this.#parts.plane.log.debug({ connection: line.id, type, body }, 'link frame')
    if (type === 'register') {
      const registering = line.registering.then(() => this.#register(line, body))
      line.registering = registering.catch(() => {}) // the answer has it
      return await registering
    }
    if (line.session === null) throw new Problem('invalid_state', `${type} came before register`)
    return await line.session.answer(type, body)
  }

  async #register(line: Line, body: unknown): Promise<unknown> {
    const { plane, metrics } = this.#parts
    try {
      const checked = checkRegistration(body, plane)
      const { seat, reply, again } = await register(plane, line, checked)
      metrics.connects.inc({ kind: again ? 'again' : 'first' })
      plane.log.info(
        { daemonId: seat.daemonId, name: seat.daemonName, connection: line.id, again },
        'daemon registered',
      )
      const before = this.#byDaemon.get(seat.daemonId)
      if (before !== undefined && before !== line) before.wire.close(closeCodes.replaced, 'the daemon connected anew')
      this.#byDaemon.set(seat.daemonId, line)
      if (line.session === null) line.session = this.#makeSession(line, seat)
      else line.session.seat = seat
      line.pushed = 0
      // After the reply: the daemon takes rows only once it knows who it is.
      setImmediate(() => {
        pushRows(plane, line)
        this.#parts.terminals.daemonUp(seat.daemonId)
      })
      return reply
    } catch (error) {
      // A daemon whose connection stays open after a refusal would look healthy.
      if (error instanceof Problem && fatal.includes(error.code))
        setImmediate(() => line.wire.close(closeCodes.refused, error.code))
      throw error
    }
  }

  #makeSession(line: Line, seat: Seat): LinkSession {
    const { plane, dispatch, metrics, terminals } = this.#parts
    const giveUp = () => setImmediate(() => line.wire.close(closeCodes.replaced, 'register again'))
    return new LinkSession({ plane, dispatch, metrics, terminals, connectionId: line.id, giveUp }, seat)
  }
}

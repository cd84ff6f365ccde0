// Terminals of interactive runs: WebSockets of those who watch on the one side, the daemon's link, or another server that has it, on the other. Nothing
// of it is stored.

import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { WebSocketServer } from 'ws'
import { Problem } from '../core/problem.ts'
import { reaches } from '../core/role.ts'
import { openAttempt } from '../core/task.ts'
import type { FromDaemonBody, FromDaemonReply } from '../protocol/link.ts'
import type { TerminalOrder, TerminalSize } from '../protocol/terminal.ts'
import { terminalInputBytes } from '../protocol/terminal.ts'
import { daemonById } from '../store/daemons.ts'
import type { Note } from '../store/port.ts'
import { taskById } from '../store/tasks.ts'
import type { Auth, Credentials } from './auth.ts'
import { requireScope } from './auth.ts'
import { closeCodes } from './link-wire.ts'
import type { Caller, Plane } from './plane.ts'
import { requireTask } from './service/tasks.ts'
import { awayWords, Elsewhere } from './terminal-elsewhere.ts'
import type { RelayMessage } from './terminal-relay.ts'
import { Relay, relayMessage } from './terminal-relay.ts'
import type { Audience, Stream, TerminalSeat } from './terminal-stream.ts'
import { makeStream, renew, resized, show } from './terminal-stream.ts'
import { Watcher } from './terminal-watcher.ts'

const path = /^\/v1\/tasks\/([^/?]+)\/terminal$/
/** Its own message asks for one; the host knows better. */
const firstSize = { cols: 120, rows: 36 }
/** A run that many watch is odd; each costs memory. */
const watchersPerRun = 50
const watchersPerServer = 1_000
/** Between two questions of a server for a terminal that it shows and does not have, ms. */
export const relayBeatMs = 2_000
/** Another server answers within this, or none has the host, ms. */
const foundMs = 10_000

/** The task id of a terminal's address, or null. */
export function terminalTask(url: string | undefined): string | null {
  return path.exec(url?.split('?')[0] ?? '')?.[1] ?? null
}

export interface TerminalsParts {
  readonly plane: Plane
  readonly auth: Auth
  /** True: that daemon is connected to this server. */
  has(daemonId: string): boolean
  /** False: that daemon is not connected to this server. */
  order(daemonId: string, order: TerminalOrder): boolean
}

export class Terminals {
  readonly #parts: TerminalsParts
  readonly #self = randomUUID()
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: terminalInputBytes, perMessageDeflate: false })
  readonly #streams = new Map<string, Stream>()
  /** Of streams whose host is not connected here. */
  readonly #elsewhere = new Map<string, Elsewhere>()
  #watchers = 0
  #closed = false

  constructor(parts: TerminalsParts) {
    this.#parts = parts
  }

  /** Takes over an upgrade request whose Host and Origin were checked. Throws the problem of a caller who may not watch, or of a task without terminal. */
  async upgrade(taskId: string, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { authorization, cookie } = request.headers
    const credentials = { authorization, cookie }
    const caller = await this.#parts.auth.caller(credentials)
    requireScope(caller, 'user', 'a terminal')
    if (!reaches(caller.role, 'viewer')) throw new Problem('forbidden', 'a terminal needs the role viewer')
    const seat = await this.#seatOf(caller.teamId, taskId)
    const stream = await this.#enter(seat)
    try {
      await this.#shown(stream)
      // Calls back at once, or not at all: for one who left meanwhile.
      this.#sockets.handleUpgrade(request, socket, head, (one) => this.#join(stream, one, { caller, credentials }))
    } finally {
      stream.coming -= 1
      this.#watchers -= 1
      this.#forgetUnseen(stream)
    }
  }

  /** Output of a daemon. */
  output(daemonId: string, body: FromDaemonBody<'terminal'>): FromDaemonReply<'terminal'> {
    const stream = this.#streams.get(body.attemptId)
    if (stream === undefined || stream.daemonId !== daemonId || stream.id !== body.stream) return { open: false }
    if (body.size != null) resized(stream, body.size, null)
    show(stream, Buffer.from(body.data, 'base64'))
    if (body.end === null) return { open: true }
    this.#end(stream, body.end)
    return { open: false }
  }

  /** A daemon registered, perhaps anew: it knows nothing of streams from before. */
  daemonUp(daemonId: string): void {
    for (const stream of this.#streams.values()) if (stream.daemonId === daemonId) this.#reopen(stream)
  }

  daemonDown(daemonId: string): void {
    for (const stream of [...this.#streams.values()]) {
      if (stream.daemonId !== daemonId) continue
      for (const each of stream.audience) each.tell({ type: 'reset', reason: awayWords(stream.daemonName) })
      // It may be with another server now: the other servers that watch ask for it themselves.
      for (const each of [...stream.audience]) if (each instanceof Relay) each.letGo()
      if (stream.audience.size > 0) this.#lookElsewhere(stream)
    }
  }

  hear(note: Note): void {
    if (note.kind === 'relay') this.#hearServer(note)
    if (note.kind !== 'task' || note.state === 'running' || note.state === 'parked') return
    for (const stream of [...this.#streams.values()])
      if (stream.taskId === note.taskId) void this.#endIfOver(stream, note.state)
  }

  /** A note of another server may be older than what was read when somebody joined. Never rejects. */
  async #endIfOver(stream: Stream, state: string): Promise<void> {
    const { plane } = this.#parts
    try {
      const record = await plane.store.read((tx) => taskById(tx, stream.taskId))
      const open = record === null ? null : openAttempt(record.task)
      if (open?.id === stream.attemptId && open.state === 'running' && record?.task.status.state !== 'cancelled') return
    } catch (error) {
      plane.log.warn({ err: error, taskId: stream.taskId }, 'task of a terminal not read') // the host tells when it is over
      return
    }
    if (this.#streams.get(stream.attemptId) === stream) this.#end(stream, `the task is ${state}`)
  }

  ping(): void {
    for (const { audience } of this.#streams.values()) for (const each of audience) each.ping()
  }

  /** Called each `relayBeatMs`: servers that show each other's terminals tell that they are there. */
  beat(): void {
    for (const each of this.#elsewhere.values()) each.beat()
    for (const { audience } of [...this.#streams.values()])
      for (const each of [...audience]) if (each instanceof Relay) each.beat()
  }

  close(): void {
    this.#closed = true
    for (const each of this.#elsewhere.values()) each.leave()
    for (const { audience } of [...this.#streams.values()])
      for (const each of [...audience]) each.close(closeCodes.goingAway, 'the server goes away')
    this.#sockets.close()
  }

  /** Whoever does not go by itself is cut. */
  terminate(): void {
    for (const { audience } of [...this.#streams.values()]) for (const each of [...audience]) each.terminate()
  }

  async #seatOf(teamId: string, taskId: string): Promise<TerminalSeat> {
    const record = await this.#parts.plane.store.read((tx) => requireTask(tx, teamId, taskId))
    const open = openAttempt(record.task)
    const { state } = record.task.status
    if (record.spec.interactive !== true)
      throw new Problem('invalid_state', `${taskId} has no terminal: it is not interactive`)
    if (open === null || open.state !== 'running')
      throw new Problem('invalid_state', `${taskId} is ${state}; it has a terminal while its agent runs`)
    const daemonName = record.attempts.at(-1)?.daemonName ?? open.daemonId
    return { taskId, attemptId: open.id, n: open.n, daemonId: open.daemonId, daemonName }
  }

  /** Counts one more who comes; whoever called takes that back. Throws `unavailable` when no server has the host, or too many watch. */
  async #enter(seat: TerminalSeat): Promise<Stream> {
    const host = await this.#parts.plane.store.read((tx) => daemonById(tx, seat.daemonId))
    // One that left a moment ago may still be written as connected; nobody answers for it then.
    if (host?.connected !== true && !this.#streams.has(seat.attemptId)) throw away(seat)
    if (this.#closed) throw new Problem('unavailable', 'the server goes away; come back')
    if (this.#watchers >= watchersPerServer)
      throw new Problem('unavailable', `${watchersPerServer} watch terminals of this server already`)
    const stream = this.#streams.get(seat.attemptId) ?? this.#open(seat)
    if (isFull(stream)) throw new Problem('unavailable', `${watchersPerRun} watch this terminal already`)
    stream.coming += 1
    this.#watchers += 1
    return stream
  }

  /** Waits until a server has the host. Throws `unavailable` when none answers, or the stream ended meanwhile. */
  async #shown(stream: Stream): Promise<void> {
    const elsewhere = this.#elsewhere.get(stream.attemptId)
    if (elsewhere === undefined) return
    const over = new AbortController()
    const late = this.#parts.plane.clock.sleep(foundMs, over.signal).then(
      () => false,
      () => false,
    )
    const found = await Promise.race([elsewhere.found.then(() => true), late])
    over.abort()
    if (!found || this.#streams.get(stream.attemptId) !== stream) throw away(stream)
  }

  /** Throws `unavailable` when the host is not connected and there is no other server to ask. */
  #open(seat: TerminalSeat): Stream {
    const stream = makeStream(seat)
    const { attemptId, daemonId, daemonName } = seat
    const isHere = this.#parts.order(daemonId, { kind: 'open', attemptId, stream: stream.id, ...firstSize })
    if (!isHere && this.#isAlone) throw new Problem('unavailable', `the host ${daemonName} is not connected`)
    this.#streams.set(attemptId, stream)
    if (!isHere) this.#lookElsewhere(stream)
    return stream
  }

  #reopen(stream: Stream): void {
    const { attemptId, daemonId } = stream
    this.#elsewhere.get(attemptId)?.leave()
    this.#elsewhere.delete(attemptId)
    renew(stream)
    for (const each of stream.audience) each.restart('the host is connected again')
    this.#parts.order(daemonId, { kind: 'open', attemptId, stream: stream.id, ...(stream.size ?? firstSize) })
  }

  get #isAlone(): boolean {
    return this.#parts.plane.store.dialect === 'sqlite'
  }

  #lookElsewhere(stream: Stream): void {
    if (this.#isAlone || this.#closed) return
    const acts = {
      send: (message: RelayMessage, to: string | null) => void this.#say(message, to),
      ended: (reason: string) => this.#end(stream, reason),
    }
    this.#elsewhere.set(stream.attemptId, new Elsewhere(stream, acts))
  }

  #say(message: RelayMessage, to: string | null): Promise<void> {
    return this.#parts.plane.store.tell([{ kind: 'relay', from: this.#self, to, body: message }])
  }

  #hearServer({ from, to, body }: Note & { readonly kind: 'relay' }): void {
    if (from === this.#self || (to !== null && to !== this.#self) || this.#closed) return
    const { success, data: message } = relayMessage.safeParse(body) // of another version: not understood
    if (!success) return
    if (message.is === 'join') this.#hearJoin(message, from)
    else {
      for (const each of [...this.#elsewhere.values()]) if (each.owns(message.relay)) each.hear(message, from)
      for (const stream of [...this.#streams.values()]) {
        const relay = relayOf(stream, message.relay)
        if (relay !== null) this.#hearWatcher(stream, relay, message)
      }
    }
  }

  #hearWatcher(stream: Stream, relay: Relay, message: RelayMessage): void {
    if (message.is === 'input') this.#type(stream, Buffer.from(message.data, 'base64'), message.by)
    else if (message.is === 'resize') this.#resize(stream, message, relay)
    else if (message.is === 'leave') relay.terminate()
  }

  /** Another server's people watch a terminal; is its host here? */
  #hearJoin({ relay: id, ...asked }: RelayMessage & { readonly is: 'join' }, from: string): void {
    const { is: _, ...seat } = asked
    const known = this.#streams.get(seat.attemptId)
    if (!this.#parts.has(seat.daemonId) || this.#elsewhere.has(seat.attemptId)) return
    const stream = known ?? this.#open(seat)
    const before = relayOf(stream, id)
    before?.heard()
    if (before === null && isFull(stream)) return
    void this.#say({ is: 'here', relay: id }, from)
    if (before === null) this.#welcome(stream, this.#makeRelay(stream, id, from))
  }

  #makeRelay(stream: Stream, id: string, server: string): Relay {
    const relay: Relay = new Relay(id, {
      send: (message) => this.#say(message, server),
      recent: () => Buffer.concat(stream.recent),
      gone: () => this.#left(stream, relay),
    })
    return relay
  }

  /** Whoever comes begins with what there is. */
  #welcome(stream: Stream, one: Audience): void {
    stream.audience.add(one)
    if (stream.size !== null) one.tell({ type: 'size', ...stream.size })
    one.show(Buffer.concat(stream.recent))
  }

  #left(stream: Stream, one: Audience): void {
    if (stream.audience.delete(one)) this.#forgetUnseen(stream)
  }

  #join(stream: Stream, socket: WebSocket, who: { readonly caller: Caller; readonly credentials: Credentials }): void {
    const { caller, credentials } = who
    const { plane, auth } = this.#parts
    const mayType = reaches(caller.role, 'member')
    const watcher: Watcher = new Watcher(socket, {
      mayType,
      typed: (bytes) => this.#type(stream, bytes, caller.actor),
      resized: (size) => this.#resize(stream, size, watcher),
      recent: () => Buffer.concat(stream.recent),
    })
    const unwatch = auth.watch(caller, credentials, () =>
      watcher.close(closeCodes.unauthorized, 'the token was revoked'),
    )
    plane.log.info({ taskId: stream.taskId, attemptId: stream.attemptId, actor: caller.actor }, 'terminal joined')
    this.#watchers += 1
    watcher.onClose(() => {
      unwatch()
      this.#watchers -= 1
      plane.log.info({ attemptId: stream.attemptId, actor: caller.actor }, 'terminal left')
      this.#left(stream, watcher)
    })
    watcher.tell({ type: 'ready', attempt: stream.n, input: mayType })
    this.#welcome(stream, watcher)
  }

  #type(stream: Stream, bytes: Buffer, by: string): void {
    const elsewhere = this.#elsewhere.get(stream.attemptId)
    if (elsewhere !== undefined) {
      elsewhere.type(bytes, by)
      return
    }
    stream.inputs += 1
    const { attemptId, daemonId, id, inputs: seq } = stream
    const order = { kind: 'input' as const, attemptId, stream: id, seq, data: bytes.toString('base64'), by }
    this.#parts.order(daemonId, order) // not connected: the watcher was told
  }

  #resize(stream: Stream, { cols, rows }: TerminalSize, by: Audience): void {
    const elsewhere = this.#elsewhere.get(stream.attemptId)
    if (elsewhere !== undefined) {
      elsewhere.resize({ cols, rows }, by)
      return
    }
    resized(stream, { cols, rows }, by)
    const { attemptId, daemonId, id } = stream
    this.#parts.order(daemonId, { kind: 'resize', attemptId, stream: id, cols, rows })
  }

  #end(stream: Stream, reason: string): void {
    this.#streams.delete(stream.attemptId)
    this.#elsewhere.delete(stream.attemptId)
    for (const each of [...stream.audience]) each.end(reason)
  }

  /** Nobody watches it, and nobody is about to: its host need not show it. */
  #forgetUnseen(stream: Stream): void {
    const isSeen = stream.audience.size + stream.coming > 0
    if (isSeen || this.#streams.get(stream.attemptId) !== stream) return
    this.#streams.delete(stream.attemptId)
    const { attemptId, daemonId, id } = stream
    const elsewhere = this.#elsewhere.get(attemptId)
    this.#elsewhere.delete(attemptId)
    elsewhere?.leave()
    if (elsewhere === undefined) this.#parts.order(daemonId, { kind: 'close', attemptId, stream: id })
  }
}

function isFull({ audience, coming }: Stream): boolean {
  return audience.size + coming >= watchersPerRun
}

function away({ daemonName }: TerminalSeat): Problem {
  return new Problem('unavailable', `the host ${daemonName} is not connected`)
}

function relayOf(stream: Stream, id: string): Relay | null {
  for (const each of stream.audience) if (each instanceof Relay && each.id === id) return each
  return null
}

// Terminals of interactive runs: WebSockets of those who watch on the one side, the daemon's link on the other. Nothing of it is stored.

import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { WebSocketServer } from 'ws'
import { Problem } from '../core/problem.ts'
import { reaches } from '../core/role.ts'
import { openAttempt } from '../core/task.ts'
import type { FromDaemonBody, FromDaemonReply } from '../protocol/link.ts'
import type { TerminalOrder } from '../protocol/terminal.ts'
import { terminalBacklogBytes, terminalInputBytes } from '../protocol/terminal.ts'
import type { Note } from '../store/port.ts'
import type { Auth, Credentials } from './auth.ts'
import { requireScope } from './auth.ts'
import { closeCodes } from './link-wire.ts'
import type { Caller, Plane } from './plane.ts'
import { requireTask } from './service/tasks.ts'
import { Watcher } from './terminal-watcher.ts'

const path = /^\/v1\/tasks\/([^/?]+)\/terminal$/
/** Before the first watcher has told its own. */
const firstSize = { cols: 120, rows: 36 }
/** A run that many watch is odd; each costs memory. */
const watchersPerRun = 50

/** The task id of a terminal's address, or null. */
export function terminalTask(url: string | undefined): string | null {
  return path.exec(url?.split('?')[0] ?? '')?.[1] ?? null
}

export interface TerminalsParts {
  readonly plane: Plane
  readonly auth: Auth
  /** False: that daemon is not connected to this server. */
  order(daemonId: string, order: TerminalOrder): boolean
}

interface Seat {
  readonly taskId: string
  readonly attemptId: string
  readonly n: number
  readonly daemonId: string
  readonly daemonName: string
}

interface Stream extends Seat {
  id: string
  readonly watchers: Set<Watcher>
  recent: Buffer[]
  recentBytes: number
  inputs: number
  size: { readonly cols: number; readonly rows: number }
}

export class Terminals {
  readonly #parts: TerminalsParts
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: terminalInputBytes, perMessageDeflate: false })
  readonly #streams = new Map<string, Stream>()
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
    if (this.#closed) throw new Problem('unavailable', 'the server goes away; come back')
    if ((this.#streams.get(seat.attemptId)?.watchers.size ?? 0) >= watchersPerRun)
      throw new Problem('unavailable', `${watchersPerRun} watch this terminal already`)
    const stream = this.#streams.get(seat.attemptId) ?? this.#open(seat)
    this.#sockets.handleUpgrade(request, socket, head, (opened) => this.#join(stream, opened, { caller, credentials }))
  }

  /** Output of a daemon. */
  output(daemonId: string, body: FromDaemonBody<'terminal'>): FromDaemonReply<'terminal'> {
    const stream = this.#streams.get(body.attemptId)
    if (stream === undefined || stream.daemonId !== daemonId || stream.id !== body.stream) return { open: false }
    const bytes = Buffer.from(body.data, 'base64')
    keep(stream, bytes)
    for (const watcher of stream.watchers) watcher.show(bytes)
    if (body.end === null) return { open: true }
    this.#end(stream, body.end)
    return { open: false }
  }

  /** A daemon registered, perhaps anew: it knows nothing of streams from before. */
  daemonUp(daemonId: string): void {
    for (const stream of this.#streams.values()) if (stream.daemonId === daemonId) this.#reopen(stream)
  }

  daemonDown(daemonId: string): void {
    for (const stream of this.#streams.values()) {
      if (stream.daemonId !== daemonId) continue
      const reason = `the host ${stream.daemonName} is not connected; what you type is not heard until it is back`
      for (const watcher of stream.watchers) watcher.tell({ type: 'reset', reason })
    }
  }

  hear(note: Note): void {
    if (note.kind !== 'task' || note.state === 'running' || note.state === 'parked') return
    for (const stream of [...this.#streams.values()])
      if (stream.taskId === note.taskId) this.#end(stream, `the task is ${note.state}`)
  }

  ping(): void {
    for (const { watchers } of this.#streams.values()) for (const watcher of watchers) watcher.ping()
  }

  close(): void {
    this.#closed = true
    for (const { watchers } of this.#streams.values())
      for (const watcher of watchers) watcher.close(closeCodes.goingAway, 'the server goes away')
    this.#sockets.close()
  }

  /** Whoever does not go by itself is cut. */
  terminate(): void {
    for (const { watchers } of this.#streams.values()) for (const watcher of watchers) watcher.terminate()
  }

  async #seatOf(teamId: string, taskId: string): Promise<Seat> {
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

  /** Throws `unavailable` when the daemon is not connected here. */
  #open(seat: Seat): Stream {
    const fresh = { id: randomUUID(), watchers: new Set<Watcher>(), recent: [], recentBytes: 0, inputs: 0 }
    const stream: Stream = { ...seat, ...fresh, size: firstSize }
    const { attemptId, daemonId, daemonName } = seat
    if (!this.#parts.order(daemonId, { kind: 'open', attemptId, stream: stream.id, ...firstSize })) {
      const elsewhere = this.#parts.plane.store.dialect === 'sqlite' ? '' : ', or is connected to another replica of it'
      throw new Problem('unavailable', `the host ${daemonName} is not connected to this server${elsewhere}`)
    }
    this.#streams.set(attemptId, stream)
    return stream
  }

  #reopen(stream: Stream): void {
    stream.id = randomUUID()
    stream.recent = []
    stream.recentBytes = 0
    stream.inputs = 0
    const { attemptId, daemonId, id, size } = stream
    for (const watcher of stream.watchers) watcher.restart('the host is connected again')
    this.#parts.order(daemonId, { kind: 'open', attemptId, stream: id, ...size })
  }

  #join(stream: Stream, socket: WebSocket, who: { readonly caller: Caller; readonly credentials: Credentials }): void {
    const { caller, credentials } = who
    const { plane, auth } = this.#parts
    const mayType = reaches(caller.role, 'member')
    const watcher = new Watcher(socket, {
      mayType,
      typed: (bytes) => this.#type(stream, bytes, caller.actor),
      resized: (size) => this.#resize(stream, size),
      recent: () => Buffer.concat(stream.recent),
    })
    const unwatch = auth.watch(caller, credentials, () =>
      watcher.close(closeCodes.unauthorized, 'the token was revoked'),
    )
    plane.log.info({ taskId: stream.taskId, attemptId: stream.attemptId, actor: caller.actor }, 'terminal joined')
    stream.watchers.add(watcher)
    watcher.onClose(() => {
      unwatch()
      plane.log.info({ attemptId: stream.attemptId, actor: caller.actor }, 'terminal left')
      stream.watchers.delete(watcher)
      if (stream.watchers.size === 0) this.#forget(stream)
    })
    watcher.tell({ type: 'ready', attempt: stream.n, input: mayType })
    watcher.show(Buffer.concat(stream.recent))
  }

  #type(stream: Stream, bytes: Buffer, by: string): void {
    stream.inputs += 1
    const { attemptId, daemonId, id, inputs: seq } = stream
    const order = { kind: 'input' as const, attemptId, stream: id, seq, data: bytes.toString('base64'), by }
    this.#parts.order(daemonId, order) // not connected: the watcher was told
  }

  #resize(stream: Stream, size: { readonly cols: number; readonly rows: number }): void {
    stream.size = { cols: size.cols, rows: size.rows }
    const { attemptId, daemonId, id } = stream
    this.#parts.order(daemonId, { kind: 'resize', attemptId, stream: id, ...stream.size })
  }

  #end(stream: Stream, reason: string): void {
    this.#streams.delete(stream.attemptId)
    for (const watcher of stream.watchers) watcher.end(reason)
  }

  #forget(stream: Stream): void {
    if (this.#streams.get(stream.attemptId) !== stream) return
    this.#streams.delete(stream.attemptId)
    const { attemptId, daemonId, id } = stream
    this.#parts.order(daemonId, { kind: 'close', attemptId, stream: id })
  }
}

/** The newest bytes, for those who come later. */
function keep(stream: Stream, bytes: Buffer): void {
  if (bytes.length === 0) return
  stream.recent.push(bytes)
  stream.recentBytes += bytes.length
  while (stream.recentBytes > terminalBacklogBytes) {
    const oldest = stream.recent[0]
    if (oldest === undefined || stream.recentBytes - oldest.length < terminalBacklogBytes / 2) return
    stream.recent.shift()
    stream.recentBytes -= oldest.length
  }
}

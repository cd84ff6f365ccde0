// Sends what waits in the journal: in order within an attempt, attempts beside each other, each row kept until the server has it.

import type { Clock } from '../../core/clock.ts'
import type { ProblemCode } from '../../core/problem.ts'
import { Problem } from '../../core/problem.ts'
import { type BackoffRange, fullJitter } from '../../lib/backoff.ts'
import type { Log } from '../../lib/log.ts'
import type { FromDaemonBody, FromDaemonReply } from '../../protocol/link.ts'
import type { Journal } from '../journal/journal.ts'
import type { OutboxKind } from '../journal/outbox-rows.ts'
import { type Message, nextMessage } from './message.ts'

export interface SenderOptions {
  readonly journal: Journal
  /** One message over the link. Rejects with the server's Problem, or with any other error when it could not be asked. */
  send<K extends OutboxKind>(kind: K, body: FromDaemonBody<K>): Promise<FromDaemonReply<K>>
  /** The server gave the attempt to another: its rows are salvage already; the run is to be stopped. May come more than once. */
  onLost(attemptId: string, detail: string): void
  /** The server never takes this request of an agent: nobody will answer it, so it is denied. */
  onNotAsked(attemptId: string, requestId: string): void
  /** How many events one message of this attempt may hold; default 50. */
  batchSize?(attemptId: string): number | undefined
  /** A final report or a request was acknowledged. */
  onAcknowledged(attemptId: string, kind: OutboxKind): void
  readonly clock: Clock
  readonly log: Log
  /** Stops the sending; what is in flight is not waited for, and is sent again by the next daemon. */
  readonly signal: AbortSignal
}

export interface Sender {
  /** There is something new, or the link is up again. Cheap. */
  poke(): void
  /** Resolves when nothing is being sent: all is acknowledged, or waits for the link. */
  settled(): Promise<void>
}

/** Begins with what earlier starts of the daemon left. Sends whenever poked, until `signal` aborts. */
export function sendOutbox(options: SenderOptions): Sender {
  const sender = new OutboxSender(options)
  sender.poke()
  return sender
}

/** The server is in trouble, not the row. */
const serverTrouble: BackoffRange = { firstMs: 500, maxMs: 30_000 }
/** Nothing to do but wait for the link to be set up anew, which pokes. */
const linkTrouble: ReadonlySet<ProblemCode> = new Set([
  'not_connected',
  'unauthorized',
  'forbidden',
  'host_refused',
  'protocol_unsupported',
  'daemon_running',
])
/** So often the server may answer a batch of events without having taken any of it. */
const maxStalls = 3

const refusedWords = 'the server refused the report: '

/** What ends the attempt when the server does not take its own last report: small and plain. Null when that was refused too. */
function refusedReport(message: Message, why: string): FromDaemonBody<'fail'> | null {
  if (message.kind !== 'result' && message.kind !== 'fail' && message.kind !== 'abort') return null
  const { attemptId, epoch, at } = message.body
  if ('detail' in message.body && message.body.detail.startsWith(refusedWords)) return null
  const detail = `${refusedWords}${why}`.slice(0, 2_000)
  const nothing = { exitCode: null, signal: null, usage: null, costUsd: null, evidence: null, sessionRef: null }
  const end = { ...nothing, withheld: [], reason: 'workspace_failed', class: null, resetAt: null } as const
  return { attemptId, epoch, at, detail, ...end, withheld: [] }
}

/** `wait`: until the next poke. */
type Next = 'go on' | 'wait' | 'back off'

class OutboxSender implements Sender {
  readonly #options: SenderOptions
  readonly #lanes = new Map<string, Promise<void>>()
  #pokes = 0

  constructor(options: SenderOptions) {
    this.#options = options
  }

  poke(): void {
    this.#pokes += 1
    this.#startLanes()
  }

  async settled(): Promise<void> {
    while (this.#lanes.size > 0) await Promise.all(this.#lanes.values())
  }

  #startLanes(): void {
    if (this.#options.signal.aborted) return
    for (const attemptId of this.#options.journal.outbox.attempts()) {
      if (!this.#lanes.has(attemptId)) this.#lanes.set(attemptId, this.#lane(attemptId))
    }
  }

  async #lane(attemptId: string): Promise<void> {
    await Promise.resolve() // the lane is in the table before it can end
    let pokes = this.#pokes
    try {
      pokes = await this.#sendAll(attemptId)
    } catch (error) {
      this.#options.log.error({ attemptId, error: String(error) }, 'outbox failed')
    }
    this.#lanes.delete(attemptId)
    // A poke between the last look and here found this lane still in the table.
    if (this.#pokes !== pokes) this.#startLanes()
  }

  /** Returns the count of pokes at its last look. */
  async #sendAll(attemptId: string): Promise<number> {
    const { journal, clock, signal } = this.#options
    let failures = 0
    let stalls = 0
    while (!signal.aborted) {
      const pokes = this.#pokes
      const message = nextMessage(journal.outbox, attemptId, this.#options.batchSize?.(attemptId))
      if (message === null) return pokes
      const next = await this.#send(message, stalls)
      if (next === 'wait' && this.#pokes === pokes) return pokes
      stalls = next === 'back off' ? stalls + 1 : 0
      failures = next === 'back off' ? failures + 1 : 0
      if (next === 'back off') await clock.sleep(fullJitter(failures, serverTrouble), signal).catch(() => {})
    }
    return this.#pokes
  }

  async #send(message: Message, stalls: number): Promise<Next> {
    const { send, signal } = this.#options
    try {
      if (message.kind === 'events') {
        const { next } = await send('events', message.body)
        return signal.aborted ? 'wait' : this.#eventsAnswered(message, next, stalls)
      }
      await send(message.kind, message.body)
    } catch (error) {
      return signal.aborted ? 'wait' : this.#failed(message, error, stalls)
    }
    if (signal.aborted) return 'wait' // the journal may be closed; the next daemon sends it again
    this.#options.journal.outbox.acknowledge(message.rowId)
    this.#options.onAcknowledged(message.attemptId, message.kind)
    return 'go on'
  }

  #eventsAnswered(message: Message & { kind: 'events' }, next: number, stalls: number): Next {
    const { attemptId, firstSeq, lastSeq } = message
    this.#options.journal.outbox.acknowledgeEvents(attemptId, Math.min(next, lastSeq + 1))
    if (next > firstSeq) return 'go on'
    if (stalls + 1 < maxStalls) return 'back off'
    this.#refuse(message, `the server expects event ${next} and does not take ${firstSeq} to ${lastSeq}`)
    return 'go on'
  }

  #failed(message: Message, error: unknown, stalls: number): Next {
    const { log, journal, clock } = this.#options
    const { attemptId, kind } = message
    if (!(error instanceof Problem) || linkTrouble.has(error.code)) {
      log.debug({ attemptId, kind, reason: String(error) }, 'report waits for the link')
      return 'wait'
    }
    if (error.status >= 500 || (error.code === 'out_of_order' && stalls + 1 < maxStalls)) return 'back off'
    if (error.code === 'lease_lost' && kind !== 'salvage') {
      journal.outbox.turnIntoSalvage(attemptId, error.detail, clock.now())
      this.#options.onLost(attemptId, error.detail)
      return 'go on'
    }
    this.#refuse(message, `${error.code}: ${error.detail}`)
    return 'go on'
  }

  /** One report that the server never takes must not hold up those behind it; it stays in the journal. */
  #refuse(message: Message, why: string): void {
    const { attemptId, kind } = message
    this.#options.log.error({ attemptId, kind, why }, 'report refused by the server, kept in the journal')
    const { outbox } = this.#options.journal
    const instead = refusedReport(message, why)
    if (instead !== null && message.kind !== 'events') {
      outbox.refuseFor(message.rowId, why, { body: instead, at: this.#options.clock.now() })
      return
    }
    for (const id of message.kind === 'events' ? message.rowIds : [message.rowId]) outbox.refuse(id, why)
    if (message.kind === 'request') this.#options.onNotAsked(attemptId, message.body.requestId)
  }
}

// A registered daemon's session: answers each message of the link's table for the attempts it owns.

import { Problem } from '../core/problem.ts'
import type { Assignment, FromDaemon, FromDaemonBody, FromDaemonReply } from '../protocol/link.ts'
import { fromDaemon } from '../protocol/link.ts'
import { heartbeat } from '../store/attempts.ts'
import { touchDaemon } from '../store/daemons.ts'
import { ackMessage, sendMessage } from '../store/messages.ts'
import type { Claimed, TaskRecord } from '../store/port.ts'
import { AttemptQueue } from './attempt-queue.ts'
import type { Dispatch, Seat } from './dispatch.ts'
import { check } from './input.ts'
import type { LinkTerminals } from './link-wire.ts'
import type { Metrics } from './metrics.ts'
import type { Plane } from './plane.ts'
import { createAgentTask } from './service/agent-tasks.ts'
import {
  storeAbort,
  storeEvents,
  storeFailure,
  storeRequest,
  storeResult,
  storeSalvage,
  storeWithdrawal,
} from './service/attempts.ts'
import { assignmentOf, requireUnended } from './service/claims.ts'
import { continuationOf } from './service/continuing.ts'
import { keepUnsaid } from './service/unsaid.ts'
import { leaseTerms } from './settings.ts'

export interface SessionParts {
  readonly plane: Plane
  readonly dispatch: Dispatch
  readonly metrics: Metrics
  readonly terminals: Pick<LinkTerminals, 'output'>
  readonly connectionId: string
  /** Closes the socket: the daemon comes back and registers. */
  readonly giveUp: () => void
}

type Message = Exclude<FromDaemon, 'register'>
type Answers = { readonly [T in Message]: (body: FromDaemonBody<T>) => Promise<FromDaemonReply<T>> }

export class LinkSession {
  readonly #parts: SessionParts
  readonly #over = new AbortController()
  readonly #queues = new Map<string, AttemptQueue>()
  readonly #answers: Answers
  seat: Seat

  constructor(parts: SessionParts, seat: Seat) {
    this.#parts = parts
    this.seat = seat
    this.#answers = {
      heartbeat: (body) => this.#heartbeat(body),
      claim: (body) => this.#claim(body),
      events: async ({ events, ...claim }) => ({ next: await this.#queueOf(claim).add(events) }),
      result: (body) => this.#end(body, () => storeResult(parts.plane, this.#daemonId, body)),
      fail: (body) => this.#end(body, () => storeFailure(parts.plane, this.#daemonId, body)),
      abort: (body) => this.#end(body, () => storeAbort(parts.plane, this.#daemonId, body)),
      request: async (body) => {
        await storeRequest(parts.plane, this.#daemonId, body)
        return {}
      },
      withdraw: async (body) => {
        await storeWithdrawal(parts.plane, this.#daemonId, body)
        return {}
      },
      salvage: async (body) => {
        await storeSalvage(parts.plane, this.#daemonId, body)
        return {}
      },
      create_task: (body) => createAgentTask(parts.plane, this.#daemonId, body),
      terminal: async (body) => parts.terminals.output(this.#daemonId, body),
      unsaid: async ({ seq }) => {
        await keepUnsaid(parts.plane, this.#daemonId, seq)
        return {}
      },
      ack: async ({ seq, unsaid = false }) => {
        if (unsaid) await keepUnsaid(parts.plane, this.#daemonId, seq)
        await parts.plane.store.run((tx) => ackMessage(tx, this.#daemonId, seq))
        return {}
      },
    }
  }

  /** Answers a message, or throws the problem that is its reply. */
  async answer(type: Message, body: unknown): Promise<unknown> {
    this.seat.heardAt = this.#parts.plane.clock.monotonic()
    const checked = check(fromDaemon[type].input, body, type)
    const answer = this.#answers[type] as (body: unknown) => Promise<unknown> // `checked` is what this type's schema gave
    return await answer(checked)
  }

  /** Ends held claims. */
  close(): void {
    this.#over.abort()
  }

  get #daemonId(): string {
    return this.seat.daemonId
  }

  async #heartbeat(body: FromDaemonBody<'heartbeat'>): Promise<FromDaemonReply<'heartbeat'>> {
    const { plane, connectionId } = this.#parts
    const daemonId = this.#daemonId
    const { runs, draining, freeDiskBytes, freeMemoryBytes, loadAverage = null } = body
    const terms = leaseTerms(plane.settings)
    const told = await plane.store.run(function* (tx) {
      const heard = yield* heartbeat(tx, daemonId, runs, terms)
      const daemon = yield* touchDaemon(tx, daemonId, {
        connectionId,
        running: runs.length,
        draining,
        freeDiskBytes,
        freeMemoryBytes,
        loadAverage,
      })
      return { heard, known: daemon !== null, draining: daemon?.draining ?? draining }
    })
    if (!told.known) {
      this.#parts.giveUp()
      throw new Problem('invalid_state', 'this connection does not speak for the daemon any more; register again')
    }
    this.seat.running = runs.length
    this.seat.draining = told.draining
    const { renewed, lost, cancelled } = told.heard
    return { renewed: [...renewed], lost: [...lost], cancelled: [...cancelled], draining: told.draining }
  }

  /** Most tasks begin anew: only the others cost a look. */
  async #assignments(claimed: readonly Claimed[]): Promise<Assignment[]> {
    const found: Assignment[] = []
    for (const { record, profile } of claimed) {
      const goesOn = record.spec.continueFrom !== null
      const from = goesOn ? await this.#parts.plane.store.read((tx) => continuationOf(tx, record)) : null
      const assignment = assignmentOf(record, profile, from)
      if (assignment !== null) found.push(assignment)
    }
    return found
  }

  async #claim(ask: FromDaemonBody<'claim'>): Promise<FromDaemonReply<'claim'>> {
    const { plane, dispatch, metrics } = this.#parts
    if (ask.taskId !== null) await requireUnended(plane, this.seat.offer.teamId, ask.taskId)
    const claimed = await dispatch.claim(this.seat, ask, this.#over.signal)
    const now = plane.clock.now()
    this.seat.running += claimed.length
    for (const { record } of claimed) {
      metrics.claims.inc()
      metrics.claimLatency.observe(Math.max(0, now - (record.queuedAt ?? now)) / 1_000)
    }
    const assignments = await this.#assignments(claimed)
    // Granted after the daemon registered elsewhere: that registration could not tell it, and this reply may reach nobody.
    if (this.#over.signal.aborted) await this.#tellAgain(assignments)
    return { assignments }
  }

  async #tellAgain(assignments: readonly Assignment[]): Promise<void> {
    const daemonId = this.#daemonId
    await this.#parts.plane.store.run(function* (tx) {
      for (const assignment of assignments) yield* sendMessage(tx, daemonId, 'assigned', { assignment })
    })
  }

  /** The end of an attempt waits for its events: whoever reads the task's end has its whole transcript. */
  async #end(
    { attemptId, epoch }: { readonly attemptId: string; readonly epoch: number },
    store: () => Promise<TaskRecord>,
  ): Promise<{ taskState: string }> {
    await this.#queues.get(`${attemptId} ${epoch}`)?.settled()
    this.#queues.delete(`${attemptId} ${epoch}`)
    const record = await store()
    this.seat.running = Math.max(0, this.seat.running - 1)
    return { taskState: record.task.status.state }
  }

  #queueOf({ attemptId, epoch }: { readonly attemptId: string; readonly epoch: number }): AttemptQueue {
    const key = `${attemptId} ${epoch}`
    const known = this.#queues.get(key)
    if (known !== undefined) return known
    const { plane, metrics } = this.#parts
    const claim = { daemonId: this.#daemonId, attemptId, epoch }
    const queue = new AttemptQueue(async (events) => {
      const next = await storeEvents(plane, claim, events)
      metrics.events.inc(events.length)
      return next
    })
    this.#queues.set(key, queue)
    return queue
  }
}

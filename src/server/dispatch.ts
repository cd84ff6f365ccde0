// Held claims: a daemon's claim waits here until there is work, and a hint wakes as many waiters as it needs, the least busy first.
//
// Hints (`claimable` notes) only save time. A waiter is looked up when it arrives and again every relookMs, one of each group of equal
// daemons, so a lost hint costs a moment and a thousand daemons waking for one task cost one claim.

import type { DaemonId } from '../core/id.ts'
import type { Offer } from '../core/routing.ts'
import { claimTasks } from '../store/claims.ts'
import type { Claimed, Note } from '../store/port.ts'
import { Fits, Lanes } from './lanes.ts'
import type { Plane } from './plane.ts'

/** A daemon as dispatch sees it; the link keeps it up to date. */
export interface Seat {
  readonly daemonId: DaemonId
  readonly daemonName: string
  readonly offer: Offer
  readonly maxAgents: number
  /** Attempts at work, as last reported. */
  running: number
  draining: boolean
  /** When it last said anything, monotonic ms. Absent: it speaks to us directly. */
  heardAt?: number
}

export interface ClaimAsk {
  readonly max: number
  readonly waitMs: number
  readonly taskId: string | null
  readonly correlationId?: string | null | undefined
}

interface Waiter {
  readonly seat: Seat
  readonly ask: ClaimAsk
  readonly fits: Fits
  readonly answer: (claimed: readonly Claimed[]) => void
  readonly fail: (error: unknown) => void
  looking: boolean
  /** A hint at this lane came while it was looking: it looks once more, or the hint goes to another. */
  missed: number | null
  done: boolean
}

/** A daemon that missed so many heartbeats gets nothing until it speaks again; its next claim is looked at like any other. */
const missedBeats = 2

export class Dispatch {
  readonly #plane: Plane
  readonly #lanes: Lanes
  readonly #fits = new WeakMap<Seat, Fits>()
  readonly #waiters = new Map<string, Waiter>()
  /** Lane → how many tasks were hinted at since the last pump. */
  readonly #hints = new Map<number, number>()
  #pumping = false
  #closed = false

  constructor(plane: Plane) {
    this.#plane = plane
    this.#lanes = new Lanes(plane.store)
  }

  /** Looks again for waiters until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#plane.clock.sleep(this.#plane.settings.relookMs, signal).catch(() => {})
      if (!signal.aborted) await this.#relook()
    }
  }

  get waiting(): number {
    return this.#waiters.size
  }

  /**
   * Answers with what was claimed, or with nothing once `waitMs` is over, the signal aborts, or the same daemon asks anew. What is
   * answered is on disk and owned by the daemon, also when the connection is gone by then: the next registration tells it.
   */
  async claim(seat: Seat, ask: ClaimAsk, signal: AbortSignal): Promise<readonly Claimed[]> {
    this.#settle(this.#waiters.get(seat.daemonId), [])
    if (this.#closed) return []
    const over = new AbortController()
    const { promise, resolve, reject } = Promise.withResolvers<readonly Claimed[]>()
    const fits = this.#fitsOf(seat)
    const waiter: Waiter = { seat, ask, fits, answer: resolve, fail: reject, looking: false, missed: null, done: false }
    this.#waiters.set(seat.daemonId, waiter)
    const timer = this.#plane.clock.sleep(ask.waitMs, AbortSignal.any([signal, over.signal]))
    timer.then(
      () => this.#release(waiter),
      () => this.#release(waiter),
    )
    void this.#look(waiter)
    try {
      return await promise
    } finally {
      over.abort()
    }
  }

  /** Wakes waiters for a lane. Cheap; the work is done once per turn of the event loop. */
  hear(note: Note): void {
    if (note.kind !== 'claimable') return
    this.#hints.set(note.laneId, (this.#hints.get(note.laneId) ?? 0) + 1)
    if (this.#pumping) return
    this.#pumping = true
    setImmediate(() => void this.#pump())
  }

  /** Answers every waiter with nothing: the server goes away. */
  close(): void {
    this.#closed = true
    for (const waiter of [...this.#waiters.values()]) this.#settle(waiter, [])
  }

  async #pump(): Promise<void> {
    try {
      if ([...this.#hints.keys()].some((laneId) => !this.#lanes.has(laneId))) await this.#lanes.load()
      for (const [laneId, tasks] of this.#hints) this.#wake(laneId, tasks)
    } catch (error) {
      this.#plane.log.warn({ err: error }, 'lanes could not be read') // the next look finds the tasks
    } finally {
      this.#hints.clear()
      this.#pumping = false
    }
  }

  /** Wakes as many fitting waiters as take `tasks`, the least busy share first; then those who may have looked too early. */
  #wake(laneId: number, tasks: number): void {
    const fitting = [...this.#waiters.values()].filter((each) => !this.#absent(each) && each.fits.includes(laneId))
    fitting.sort((a, b) => Number(a.looking) - Number(b.looking) || share(a) - share(b))
    let left = tasks
    for (const waiter of fitting) {
      if (left <= 0) return
      if (waiter.ask.correlationId == null) left -= waiter.ask.max // else it may take none of them
      if (waiter.looking) waiter.missed = laneId
      else void this.#look(waiter)
    }
  }

  /** One of each group of equal waiters looks; if it comes back full, its lanes are hinted at for the rest. */
  async #relook(): Promise<void> {
    try {
      await this.#lanes.load()
    } catch (error) {
      this.#plane.log.warn({ err: error }, 'lanes could not be read')
      return
    }
    const groups = new Map<string, Waiter>()
    for (const waiter of this.#waiters.values()) {
      if (waiter.looking || this.#absent(waiter)) continue
      const { taskId, correlationId } = waiter.ask
      const key =
        taskId ??
        (correlationId == null ? waiter.fits.signature() : JSON.stringify([correlationId, waiter.fits.signature()]))
      const best = groups.get(key)
      if (best === undefined || share(waiter) < share(best)) groups.set(key, waiter)
    }
    for (const waiter of groups.values()) void this.#look(waiter)
  }

  /** Asks the store for one waiter. Never throws: the waiter's claim gets the error. */
  async #look(waiter: Waiter): Promise<void> {
    if (this.#absent(waiter) || waiter.done || waiter.looking) return
    waiter.looking = true
    try {
      await this.#knowLanes(waiter.ask)
      do {
        waiter.missed = null
        const claimed = await this.#take(waiter)
        if (claimed.length > 0) return this.#deliver(waiter, claimed)
      } while (waiter.missed !== null && !waiter.done)
      if (waiter.ask.waitMs === 0) waiter.done = true
    } catch (error) {
      this.#forget(waiter)
      waiter.fail(error)
    } finally {
      waiter.looking = false
      if (waiter.missed !== null) this.hear({ kind: 'claimable', laneId: waiter.missed })
      if (waiter.done) this.#settle(waiter, [])
    }
  }

  /** A claim that does not wait must not miss a lane made a moment ago; one that waits hears of it or looks again. */
  async #knowLanes({ waitMs, taskId }: ClaimAsk): Promise<void> {
    if (waitMs === 0 || taskId !== null || !this.#lanes.loaded) await this.#lanes.load()
  }

  /** Answers a waiter. One that comes back full leaves more behind, perhaps: two others look, and so on. */
  #deliver(waiter: Waiter, claimed: readonly Claimed[]): void {
    this.#settle(waiter, claimed)
    if (claimed.length < waiter.ask.max) return
    const lanes = new Set(claimed.map(({ record }) => this.#lanes.idOf(record.needs)))
    for (const laneId of lanes) {
      if (laneId === null) continue
      this.hear({ kind: 'claimable', laneId })
      this.hear({ kind: 'claimable', laneId })
    }
  }

  async #take({ seat, ask, fits }: Waiter): Promise<readonly Claimed[]> {
    const list = fits.list()
    if (list.length === 0) return []
    const { daemonId, daemonName, offer } = seat
    const { max, taskId, correlationId = null } = ask
    const { dispatchTimeoutMs: dispatchMs, leaseTtlMs } = this.#plane.settings
    const unheard = this.#silentMs(seat) >= leaseTtlMs
    return await this.#plane.store.run((tx) =>
      claimTasks(tx, {
        daemonId,
        daemonName,
        teamId: offer.teamId,
        fits: list,
        max,
        taskId,
        correlationId,
        dispatchMs,
        unheard,
      }),
    )
  }

  /** Time is up. A look under way is waited for: what it claims must be told. */
  #release(waiter: Waiter): void {
    waiter.done = true
    if (!waiter.looking) this.#settle(waiter, [])
  }

  #settle(waiter: Waiter | undefined, claimed: readonly Claimed[]): void {
    if (waiter === undefined) return
    if (waiter.looking && claimed.length === 0 && !waiter.done) {
      waiter.done = true // its own look settles it
      return
    }
    this.#forget(waiter)
    waiter.answer(claimed)
  }

  /** Draining, or frozen with its claim still held: what it were given now would wait for it. */
  #absent({ seat }: Waiter): boolean {
    return seat.draining || this.#silentMs(seat) >= missedBeats * this.#plane.settings.heartbeatIntervalMs
  }

  #silentMs({ heardAt }: Seat): number {
    return heardAt === undefined ? 0 : this.#plane.clock.monotonic() - heardAt
  }

  #forget(waiter: Waiter): void {
    waiter.done = true
    if (this.#waiters.get(waiter.seat.daemonId) === waiter) this.#waiters.delete(waiter.seat.daemonId)
  }

  #fitsOf(seat: Seat): Fits {
    const known = this.#fits.get(seat)
    if (known !== undefined) return known
    const made = new Fits(this.#lanes, seat.offer)
    this.#fits.set(seat, made)
    return made
  }
}

function share({ seat }: Waiter): number {
  return seat.running / seat.maxAgents
}

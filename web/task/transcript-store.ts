// One task's transcript in memory: the end first, then what came before it, then what is new, each event exactly once.

import type { EventBody, TranscriptEvent } from '../../src/protocol/events.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import { saidBy, server } from '../data/server.ts'
import { onNews } from '../data/stream.ts'
import type { Row } from './rows.ts'
import { join, rowsOf } from './rows.ts'

/** The total of the last attempt so far, as its agent told last. */
export type Spent = Extract<EventBody, { type: 'usage' }>

export interface Transcript {
  readonly rows: readonly Row[]
  /** Every event that was read, in order. */
  readonly events: readonly TranscriptEvent[]
  /** How many events before the first row are still to be read. */
  readonly missing: number
  readonly ready: boolean
  readonly problem: string | null
  readonly spent: Spent | null
}

/** A place in the transcript: after this event. */
interface Place {
  readonly attempt: number
  readonly seq: number
}

const pageSize = 1_000
const retryMs = 1_000
/** Pages of what came before are shown together: each showing measures the list again. */
const pagesPerShow = 8

export class TranscriptStore {
  readonly #taskId: string
  readonly #plain = new Set<number>()
  readonly #watchers = new Set<() => void>()
  #shown: Transcript = { rows: [], events: [], missing: 0, ready: false, problem: null, spent: null }
  #end: Place = { attempt: 0, seq: 0 }
  #over = new AbortController()
  #reading = false
  #newer = false

  constructor(taskId: string) {
    this.#taskId = taskId
  }

  readonly get = (): Transcript => this.#shown

  readonly watch = (changed: () => void): (() => void) => {
    this.#watchers.add(changed)
    return () => this.#watchers.delete(changed)
  }

  /** Reads the end and then the rest, and follows. Gives how to stop. */
  start(task: TaskView): () => void {
    this.#over = new AbortController()
    const stopNews = onNews((news) => {
      const mine =
        news.type === 'ready' ||
        (news.type === 'changed' && (news.all || [...news.events, ...news.tasks].includes(this.#taskId)))
      if (mine) this.#catchUp()
    })
    void this.#begin(task).catch((error: unknown) => this.#fail(error))
    return () => {
      stopNews()
      this.#over.abort()
    }
  }

  /** What is known of the attempts: which of them only print. */
  learn(task: TaskView): void {
    for (const { n, harness } of task.attempts) if (harness === 'shell') this.#plain.add(n)
  }

  async #begin(task: TaskView): Promise<void> {
    this.learn(task)
    if (this.#shown.ready) return this.#catchUp()
    const last = task.attempts.at(-1)
    const skipped = last === undefined ? 0 : Math.max(0, last.eventCount - pageSize)
    const from = { attempt: last?.n ?? 0, seq: skipped }
    this.#end = skipped > 0 ? from : { attempt: 0, seq: 0 }
    if (skipped === 0) return this.#catchUp()
    const older = task.attempts.slice(0, -1).reduce((sum, attempt) => sum + attempt.eventCount, 0) + skipped
    this.#show({ missing: older })
    this.#catchUp()
    await this.#readBefore(task, from)
  }

  /** Reads on from the last event, and again if something came meanwhile. */
  #catchUp(): void {
    this.#newer = true
    if (this.#reading) return
    this.#reading = true
    void this.#readOn().finally(() => {
      this.#reading = false
      if (this.#newer && !this.#over.signal.aborted) this.#catchUp()
    })
  }

  async #readOn(): Promise<void> {
    while (this.#newer && !this.#over.signal.aborted) {
      this.#newer = false
      try {
        await this.#readNewPages()
      } catch (error) {
        if (this.#over.signal.aborted) return
        this.#show({ problem: saidBy(error) })
        await new Promise((resolve) => setTimeout(resolve, retryMs))
        this.#newer = true
      }
    }
  }

  async #readNewPages(): Promise<void> {
    for (let more = true; more; ) {
      const { items, nextCursor } = await this.#page(this.#end, pageSize)
      const fresh = items.filter((event) => isAfter(event, this.#end))
      const last = fresh.at(-1)
      if (last !== undefined) this.#end = last
      more = nextCursor !== null && last !== undefined
      this.#append(fresh)
    }
  }

  #append(fresh: readonly TranscriptEvent[]): void {
    const { rows, events } = this.#shown
    if (fresh.length === 0) this.#show({ ready: true, problem: null })
    else
      this.#show({
        rows: join(rows, rowsOf(fresh, this.#reader)),
        events: events.concat(fresh),
        ready: true,
        problem: null,
        spent: spentBy(fresh, this.#shown.spent),
      })
  }

  /** Pages backwards, several at a time. */
  async #readBefore(task: TaskView, end: Place): Promise<void> {
    const places = pagesBefore(task, end)
    while (places.length > 0 && !this.#over.signal.aborted) {
      const runs = await Promise.all(places.splice(-pagesPerShow).map((place) => this.#run(place)))
      const events = runs.flat()
      const { rows, missing, events: known } = this.#shown
      this.#show({
        rows: join(rowsOf(events, this.#reader), rows),
        events: events.concat(known),
        missing: Math.max(0, missing - events.length),
      })
    }
    this.#show({ missing: 0 })
  }

  async #run({ attempt, seq, count }: Place & { readonly count: number }): Promise<TranscriptEvent[]> {
    const { items } = await this.#page({ attempt, seq }, count)
    return items.filter((event) => event.attempt === attempt && event.seq <= seq + count)
  }

  #page(after: Place, limit: number) {
    const query = { limit, ...(after.attempt === 0 ? {} : { cursor: `${after.attempt}.${after.seq}` }) }
    return server.call('listEvents', { params: { id: this.#taskId }, query, signal: this.#over.signal })
  }

  readonly #reader = { plain: (attempt: number) => this.#plain.has(attempt) }

  #fail(error: unknown): void {
    if (!this.#over.signal.aborted) this.#show({ problem: saidBy(error) })
  }

  #show(change: Partial<Transcript>): void {
    this.#shown = { ...this.#shown, ...change }
    for (const changed of this.#watchers) changed()
  }
}

/** All pages before a place, oldest first: events are numbered without a hole, so each page is known before it is read. */
function pagesBefore(task: TaskView, end: Place): (Place & { readonly count: number })[] {
  return task.attempts.flatMap(({ n, eventCount }) => {
    const upTo = n === end.attempt ? end.seq : eventCount
    return Array.from({ length: Math.ceil(upTo / pageSize) }, (_, i) => ({
      attempt: n,
      seq: i * pageSize,
      count: Math.min(pageSize, upTo - i * pageSize),
    }))
  })
}

function spentBy(fresh: readonly TranscriptEvent[], before: Spent | null): Spent | null {
  const told = fresh.findLast((event) => event.type === 'usage' || event.seq === 1)
  return told === undefined ? before : told.type === 'usage' ? told : null
}

function isAfter(a: Place, b: Place): boolean {
  return a.attempt > b.attempt || (a.attempt === b.attempt && a.seq > b.seq)
}

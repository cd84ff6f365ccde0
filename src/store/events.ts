// Transcripts: events of an attempt as chunk rows, seq 1…n without a hole.

import type { Refusal } from '../core/command.ts'
import type { NumberedEvent, TranscriptEvent } from '../protocol/events.ts'
import type { Claimant } from './owners.ts'
import { leaseLost, lockAttempt, speaksFor } from './owners.ts'
import type { Tx, Work } from './port.ts'
import { all, first, parseJson } from './query.ts'
import { bridgeOfRestore } from './restored.ts'
import { insertRows, updateRow } from './text.ts'

export interface NewEvents extends Claimant {
  /** In the order of their seq. */
  readonly events: readonly NumberedEvent[]
}

export type Appended =
  | {
      readonly is: 'done'
      /** The seq expected next. At most the first seq sent: there was a gap, nothing was stored. */
      readonly next: number
    }
  | { readonly is: 'refused'; readonly refusal: Refusal }

/**
 * Appends a batch. What was stored before is skipped, so a batch may be sent again; after a gap nothing is stored. The owner may append
 * while its attempt is open, whatever its lease, and also after its own final report. Others get `lease_lost`.
 */
export function* appendEvents(tx: Tx, given: NewEvents): Work<Appended> {
  const row = yield* lockAttempt(tx, given.attemptId)
  if (!speaksFor(row, given)) return { is: 'refused', refusal: leaseLost(row, given) }
  const bridge = yield* bridgeOfRestore(tx, row, given.events)
  const fresh = [...bridge, ...followers(given.events, row.event_count + bridge.length)]
  const last = fresh.at(-1)
  if (last === undefined) return { is: 'done', next: row.event_count + 1 }
  const chunk = {
    attempt_id: row.id,
    last_seq: last.seq,
    data: JSON.stringify(fresh),
  }
  yield* insertRows(tx, 'event_chunks', [chunk])
  const live = { event_count: last.seq, last_event_at: tx.now }
  yield* updateRow(tx, 'attempts', { id: row.id }, live)
  tx.notify({ kind: 'events', taskId: row.task_id, attempt: row.n, lastSeq: last.seq })
  return { is: 'done', next: last.seq + 1 }
}

/** A place in a task's transcript: after this event. */
export interface EventPlace {
  readonly attempt: number
  readonly seq: number
}

export interface EventPage {
  readonly events: TranscriptEvent[]
  /** Where to go on; null: that was all there is now. */
  readonly next: EventPlace | null
}

/** Chunks fetched at a time: a little more than a page of 200 holds when batches are full. More would be read and parsed for nothing. */
const chunksAtOnce = 6

/** A page of a task's transcript, oldest first: of one attempt (by its number), or of all. */
export function* readEvents(
  tx: Tx,
  taskId: string,
  {
    attempt,
    after,
    limit,
  }: { readonly attempt?: number | undefined; readonly after?: EventPlace | undefined; readonly limit: number },
): Work<EventPage> {
  const query = tx.db
    .selectFrom('attempts')
    .select(['id', 'n', 'event_count'])
    .where('task_id', '=', taskId)
    .orderBy('n')
  const attempts = (yield* all(query.compile())).filter(({ n }) => attempt === undefined || n === attempt)
  const events: TranscriptEvent[] = []
  for (const { id, n, event_count } of attempts) {
    if (after !== undefined && n < after.attempt) continue
    const seen = after !== undefined && n === after.attempt ? after.seq : 0
    if (seen >= event_count) continue
    yield* collect(tx, { id, n, seen, limit: limit + 1 }, events)
    if (events.length > limit) break
  }
  const shown = events.slice(0, limit)
  const last = shown.at(-1)
  const next = events.length > limit && last !== undefined ? { attempt: last.attempt, seq: last.seq } : null
  return { events: shown, next }
}

/** The place of the last event; `{attempt: 0, seq: 0}` when there is none. */
export function* lastEvent(tx: Tx, taskId: string): Work<EventPlace> {
  const query = tx.db.selectFrom('attempts').select(['n', 'event_count']).where('task_id', '=', taskId)
  const row = yield* first(query.where('event_count', '>', 0).orderBy('n', 'desc').limit(1).compile())
  return row === null ? { attempt: 0, seq: 0 } : { attempt: row.n, seq: row.event_count }
}

function* collect(
  tx: Tx,
  from: { readonly id: string; readonly n: number; readonly seen: number; readonly limit: number },
  events: TranscriptEvent[],
): Work<void> {
  for (let seen = from.seen; events.length < from.limit; ) {
    // The key is (attempt_id, last_seq): the chunk that holds the event after `seen` is one seek away.
    const query = tx.db
      .selectFrom('event_chunks')
      .select(['last_seq', 'data'])
      .where('attempt_id', '=', from.id)
      .where('last_seq', '>', seen)
      .orderBy('last_seq')
      .limit(chunksAtOnce)
    const chunks = yield* all(query.compile())
    if (chunks.length === 0) return
    for (const chunk of chunks) {
      if (events.length >= from.limit) return
      for (const event of parseJson<NumberedEvent[]>(chunk.data)) {
        if (event.seq > seen && events.length < from.limit) events.push({ ...event, attempt: from.n })
      }
      seen = chunk.last_seq
    }
  }
}

/** The events that follow seq `count` directly, up to the first hole. */
function followers(events: readonly NumberedEvent[], count: number): NumberedEvent[] {
  const fresh: NumberedEvent[] = []
  for (const event of events) {
    if (event.seq <= count + fresh.length) continue
    if (event.seq !== count + fresh.length + 1) break
    fresh.push(event)
  }
  return fresh
}

// What a task's attempts left: their events, page by page, and their patch.

import { Problem } from '../../core/problem.ts'
import type { TranscriptEvent } from '../../protocol/events.ts'
import { lastEvent, readEvents } from '../../store/events.ts'
import type { AttemptRecord, TaskRecord } from '../../store/port.ts'
import type { AskedOf } from '../handler.ts'
import type { Plane } from '../plane.ts'
import { getBlob } from './blobs.ts'
import { requireTask } from './tasks.ts'

const defaultPage = 200

export async function listEvents(
  plane: Plane,
  { caller, params, query }: AskedOf<'listEvents'>,
): Promise<{ items: TranscriptEvent[]; nextCursor: string | null }> {
  const after = query.cursor === undefined ? undefined : placeOf(query.cursor)
  return plane.store.read(function* (tx) {
    yield* requireTask(tx, caller.teamId, params.id)
    const limit = query.limit ?? defaultPage
    const { events, next } = yield* readEvents(tx, params.id, { attempt: query.attempt, after, limit })
    return { items: events, nextCursor: next === null ? null : `${next.attempt}.${next.seq}` }
  })
}

/** Events after a place, for followers; the caller has checked the team. */
export async function eventsAfter(
  plane: Plane,
  taskId: string,
  after: { readonly attempt: number; readonly seq: number },
  limit: number,
): Promise<readonly TranscriptEvent[]> {
  const page = await plane.store.read((tx) => readEvents(tx, taskId, { after, limit }))
  return page.events
}

/** The place of a task's last event; `{attempt: 0, seq: 0}` when there is none. The caller has checked the team. */
export async function endOfEvents(plane: Plane, taskId: string): Promise<{ attempt: number; seq: number }> {
  return plane.store.read((tx) => lastEvent(tx, taskId))
}

/** The patch of an attempt, by default the last one's; empty when nothing changed. Throws `not_found` saying why there is none. */
export async function readDiff(plane: Plane, { caller, params, query }: AskedOf<'getTaskDiff'>): Promise<Uint8Array> {
  const record = await plane.store.read((tx) => requireTask(tx, caller.teamId, params.id))
  const attempt = pick(record, query.attempt)
  const evidence = attempt.outcome?.evidence ?? null
  const which = `attempt ${attempt.attempt.n} of ${record.task.id}`
  if (evidence === null) throw new Problem('invalid_state', `${which} has no evidence and so no diff`)
  if (evidence.diffCid !== null) return await getBlob(plane, caller.teamId, evidence.diffCid)
  if (evidence.diffWithheld !== null)
    throw new Problem('invalid_state', `${which} has its diff on its host: ${evidence.diffWithheld}`)
  return new Uint8Array()
}

function pick(record: TaskRecord, n: number | undefined): AttemptRecord {
  const found = n === undefined ? record.attempts.at(-1) : record.attempts.find((each) => each.attempt.n === n)
  if (found !== undefined) return found
  const which = n === undefined ? 'no attempt yet' : `no attempt ${n}`
  throw new Problem('not_found', `${record.task.id} has ${which}`)
}

function placeOf(cursor: string): { attempt: number; seq: number } {
  const [, attempt, seq] = /^(\d{1,9})\.(\d{1,12})$/.exec(cursor) ?? []
  if (attempt === undefined || seq === undefined)
    throw new Problem('invalid_request', `cursor ${JSON.stringify(cursor)} is not attempt.seq, such as 1.200`)
  return { attempt: Number(attempt), seq: Number(seq) }
}

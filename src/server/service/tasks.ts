// Tasks: create, look, cancel, retry, accept, reject.

import type { Command } from '../../core/command.ts'
import { Problem } from '../../core/problem.ts'
import { openAttempt } from '../../core/task.ts'
import { makeId } from '../../lib/ids.ts'
import type { LogLine, TaskView } from '../../protocol/task.ts'
import { findDaemon, listDaemons } from '../../store/daemons.ts'
import { taskLog } from '../../store/log.ts'
import { sendMessage } from '../../store/messages.ts'
import { listPools } from '../../store/pools.ts'
import type { TaskRecord, Tx, Work } from '../../store/port.ts'
import { listProfiles } from '../../store/profiles.ts'
import { goesOnNow, lockTail } from '../../store/sessions.ts'
import { getTask, listTasks as storedTasks, taskById } from '../../store/tasks.ts'
import { transition } from '../../store/transition.ts'
import type { AskedOf } from '../handler.ts'
import type { Caller, Plane } from '../plane.ts'
import { candidateOf } from './daemons.ts'
import { createOnce } from './task-draft.ts'
import { viewTask } from './task-view.ts'
import { needsFleet, whyNotAtWork } from './why.ts'

const defaultPage = 50

/** Stores a task; resolves once it is durable. With a known Idempotency-Key and the same body it is the first task again. */
export async function createTask(plane: Plane, asked: AskedOf<'createTask'>): Promise<TaskView> {
  const { caller, body, idempotencyKey } = asked
  const id = makeId('task', plane.clock.now())
  const create = function* (tx: Tx) {
    return (yield* createOnce(tx, { id, caller, body, idempotencyKey })).record
  }
  // One that joins a session looks at what others of that session made: those in the same transaction would not see each other. Attached files are rows that several may touch.
  const joins =
    body.continueFrom !== undefined || body.workspace?.scope === 'session' || (body.attachments ?? []).length > 0
  return viewTask(await plane.store.run(create, joins ? {} : { group: true, independent: true }))
}

export async function readTask(plane: Plane, teamId: string, id: string): Promise<TaskView> {
  return plane.store.read((tx) => readWithWhy(plane, tx, teamId, id))
}

/** The team a task belongs to: for the server's own work, never for a caller's request. */
export async function teamOfTask(plane: Plane, id: string): Promise<string | null> {
  return plane.store.read(function* (tx) {
    return (yield* taskById(tx, id))?.teamId ?? null
  })
}

/** The task, and whether anything more can happen in its transcript. */
export async function readForFollowers(
  plane: Plane,
  teamId: string,
  id: string,
): Promise<{ view: TaskView; over: boolean }> {
  return plane.store.read(function* (tx) {
    const view = yield* readWithWhy(plane, tx, teamId, id)
    const ended = view.endedAt !== null && view.attempts.every((attempt) => attempt.endedAt !== null)
    return { view, over: ended }
  })
}

export async function listTasks(
  plane: Plane,
  { caller, query }: AskedOf<'listTasks'>,
): Promise<{ items: TaskView[]; nextCursor: string | null }> {
  const { teamId } = caller
  const { state: states, daemon: named, limit = defaultPage, ...rest } = query
  return plane.store.read(function* (tx) {
    // A removed daemon is still the one that ran a task: its id is taken as it is.
    const daemon = named === undefined ? undefined : ((yield* findDaemon(tx, teamId, named))?.id ?? named)
    const { records, nextCursor } = yield* storedTasks(tx, { ...rest, teamId, states, daemon, limit })
    return {
      items: records.map((record) => viewTask(record, { stalledBefore: tx.now - plane.settings.stalledMs })),
      nextCursor,
    }
  })
}

/** A page of the log. The cursor is the seq of the last line read. Throws `invalid_request` for another cursor. */
export async function readTaskLog(
  plane: Plane,
  { caller, params, query }: AskedOf<'getTaskLog'>,
): Promise<{ items: LogLine[]; nextCursor: string | null }> {
  const { cursor = '0', limit = defaultPage } = query
  const after = Number(cursor)
  if (!/^\d{1,15}$/.test(cursor)) throw new Problem('invalid_request', `"${cursor}" is no cursor of this log`)
  return plane.store.read(function* (tx) {
    yield* requireTask(tx, caller.teamId, params.id)
    const lines = yield* taskLog(tx, params.id, { after, limit: limit + 1 })
    const shown = lines.slice(0, limit)
    return {
      items: shown.map(({ seq, at, actor, cause, entry }) => {
        const { type, ...data } = entry
        return { seq, at, actor, cause, type, data }
      }),
      nextCursor: lines.length > limit ? String(shown.at(-1)?.seq) : null,
    }
  })
}

/** Ends a task for good. Its attempt, if any, is told to stop and stays owned until it reports. */
export async function cancelTask(plane: Plane, { caller, params, body }: AskedOf<'cancelTask'>): Promise<TaskView> {
  return changeTask(plane, caller, params.id, { type: 'cancel', by: caller.actor, message: body.message ?? '' })
}

export async function retryTask(plane: Plane, { caller, params }: AskedOf<'retryTask'>): Promise<TaskView> {
  return changeTask(plane, caller, params.id, { type: 'retry', by: caller.actor })
}

/** Ends the agent of an interactive task, whose work is then captured. Throws `invalid_state` where no such agent runs. */
export async function finishTask(plane: Plane, { caller, params }: AskedOf<'finishTask'>): Promise<TaskView> {
  return plane.store.run(function* (tx) {
    const record = yield* requireTask(tx, caller.teamId, params.id)
    const open = openAttempt(record.task)
    if (record.spec.interactive !== true)
      throw new Problem('invalid_state', `${params.id} is not interactive: it ends by itself, or by cancel`)
    if (open === null || open.state !== 'running')
      throw new Problem('invalid_state', `${params.id} is ${record.task.status.state}; no agent of it runs`)
    yield* sendMessage(tx, open.daemonId, 'finish', { attemptId: open.id, by: caller.actor })
    return yield* viewWithWhy(plane, tx, record)
  })
}

export async function acceptTask(plane: Plane, { caller, params, body }: AskedOf<'acceptTask'>): Promise<TaskView> {
  return changeTask(plane, caller, params.id, { type: 'accept', by: caller.actor, message: body.message ?? '' })
}

export async function rejectTask(plane: Plane, { caller, params, body }: AskedOf<'rejectTask'>): Promise<TaskView> {
  return changeTask(plane, caller, params.id, { type: 'reject', by: caller.actor, message: body.message ?? '' })
}

/** Throws `not_found` also when the task is another team's: its existence is nobody else's business. */
export function* requireTask(tx: Tx, teamId: string, id: string): Work<TaskRecord> {
  const record = yield* getTask(tx, teamId, id)
  if (record === null) throw new Problem('not_found', `there is no task ${JSON.stringify(id)}`)
  return record
}

type ByHand = Extract<Command, { type: 'cancel' | 'retry' | 'accept' | 'reject' }>

async function changeTask(plane: Plane, caller: Caller, id: string, command: ByHand): Promise<TaskView> {
  return plane.store.run(function* (tx) {
    const record = yield* requireTask(tx, caller.teamId, id)
    if (command.type === 'retry') yield* refuseBusySession(tx, record)
    const cause = { actor: caller.actor, cause: null }
    const moved = yield* transition(tx, id, command, { cause, policy: plane.settings.retry })
    if (moved.is === 'missing') throw new Problem('not_found', `there is no task ${id}`)
    if (moved.is === 'refused') throw new Problem(moved.refusal.code, moved.refusal.detail)
    if (command.type === 'cancel' && moved.entries.length > 0) yield* tellOwner(tx, moved.record)
    return yield* viewWithWhy(plane, tx, moved.record)
  })
}

/** Two that go on with one branch and conversation never run together; one that waits sees that this one runs again. */
function* refuseBusySession(tx: Tx, { task, sessionKey }: TaskRecord): Work<void> {
  if (sessionKey === null || task.status.state === 'parked') return
  yield* lockTail(tx, sessionKey)
  const other = yield* goesOnNow(tx, sessionKey, task.id)
  if (other === null) return
  throw new Problem('invalid_state', `${other} goes on with the session of ${task.id}; retry it when that has ended`)
}

/** A row for the daemon that runs the task: re-sent until acknowledged, also after a reconnect. */
function* tellOwner(tx: Tx, record: TaskRecord): Work<void> {
  const open = openAttempt(record.task)
  if (open === null) return
  yield* sendMessage(tx, open.daemonId, 'cancel', { attemptId: open.id, epoch: open.epoch })
}

function* readWithWhy(plane: Plane, tx: Tx, teamId: string, id: string): Work<TaskView> {
  return yield* viewWithWhy(plane, tx, yield* requireTask(tx, teamId, id))
}

function* viewWithWhy({ settings }: Plane, tx: Tx, record: TaskRecord): Work<TaskView> {
  const { teamId, needs } = record
  const { now } = tx
  const stalledBefore = now - settings.stalledMs
  if (!needsFleet(record, now)) {
    const why = whyNotAtWork(record, { now, stalledBefore, candidates: [], names: new Map() })
    return viewTask(record, { why, stalledBefore })
  }
  const daemons = yield* listDaemons(tx, teamId)
  const named: { id: string; name: string }[] = [...daemons]
  if (needs.pool !== null) named.push(...(yield* listPools(tx, teamId)))
  const profiles = yield* listProfiles(tx, teamId)
  named.push(...profiles)
  const candidates = daemons
    .filter((each) => each.connectionId !== null)
    .map((each) => candidateOf(each, profiles, now))
  const names = new Map(named.map((each) => [each.id, each.name]))
  return viewTask(record, {
    why: whyNotAtWork(record, { now, stalledBefore, candidates, names }),
    stalledBefore,
  })
}

// Sessions, and messages to the agents in them.

import { isDeepStrictEqual } from 'node:util'
import { Problem } from '../../core/problem.ts'
import { openAttempt } from '../../core/task.ts'
import { makeId } from '../../lib/ids.ts'
import type { SessionView } from '../../protocol/session.ts'
import type { TaskView } from '../../protocol/task.ts'
import { sendMessage as pushMessage } from '../../store/messages.ts'
import type { TaskRecord, Tx, Work } from '../../store/port.ts'
import type { SessionRow } from '../../store/sessions.ts'
import {
  changePrompt,
  closeSession,
  getSession,
  listSessions,
  lockTail,
  resumableUntil,
  runningIn,
  setHeld,
  waitingIn,
} from '../../store/sessions.ts'
import { taskById } from '../../store/tasks.ts'
import { transition } from '../../store/transition.ts'
import { reconsider } from '../../store/waiters.ts'
import type { AskedOf } from '../handler.ts'
import type { Plane } from '../plane.ts'
import { createOnce, titleOf } from './task-draft.ts'
import { viewTask } from './task-view.ts'
import { requireTask } from './tasks.ts'

const defaultPage = 50

/**
 * Brings words to the agent: with `now` to the one at work, else as the next task of the session. Each is delivered once. Throws
 * `invalid_state` when `now` cannot be.
 */
export async function sendMessage(
  plane: Plane,
  { caller, params, body, idempotencyKey }: AskedOf<'sendMessage'>,
): Promise<{ delivered: 'now' | 'queued'; task: TaskView }> {
  const id = makeId('task', plane.clock.now())
  const { text, now = false, hold = false } = body
  if (now && hold) throw new Problem('contradiction', 'a message cannot be said now and be held')
  // Nothing is kept of words that were said: a repeat could not be told from saying them again.
  if (now && idempotencyKey !== null)
    throw new Problem('contradiction', 'an Idempotency-Key does not go with now; leave out one of them')
  return plane.store.run(function* (tx) {
    const named = yield* requireTask(tx, caller.teamId, params.id)
    if (now) {
      const atWork = openAttempt(named.task) === null ? yield* atWorkIn(tx, named) : named
      yield* sayNow(tx, atWork, { text, by: caller.actor, asked: named.task.id })
      return { delivered: 'now' as const, task: viewTask(atWork) }
    }
    const request = { prompt: text, continueFrom: { task: named.task.id, mode: 'extend' as const }, hold }
    const { record } = yield* createOnce(tx, { id, caller, body: request, idempotencyKey })
    return { delivered: 'queued' as const, task: viewTask(record) }
  })
}

/**
 * In one transaction: it is said, or it goes on waiting. Its own time, and what it waits for, give way to the one who says it now. Throws
 * `invalid_state` where it does not wait, brings more than words, or no agent takes words.
 */
export async function sayMessage(
  plane: Plane,
  { caller, params }: AskedOf<'sayMessage'>,
): Promise<{ delivered: 'now'; task: TaskView }> {
  return plane.store.run(function* (tx) {
    const waiting = yield* requireTask(tx, caller.teamId, params.id)
    const { state } = waiting.task.status
    if (state !== 'waiting' || waiting.spec.continueFrom === null)
      throw new Problem('invalid_state', `${params.id} is ${state}; only a message that waits can be said now`)
    const more = yield* besideWords(tx, waiting)
    if (more !== null)
      throw new Problem(
        'invalid_state',
        `${params.id} ${more}, which cannot be said to an agent at work; let it wait its turn`,
      )
    const atWork = yield* atWorkIn(tx, waiting)
    yield* sayNow(tx, atWork, { text: waiting.spec.prompt, by: caller.actor, asked: params.id })
    const cancel = { type: 'cancel', by: caller.actor, message: 'said to the agent at work' } as const
    const cause = { actor: caller.actor, cause: null }
    const moved = yield* transition(tx, params.id, cancel, { cause, policy: plane.settings.retry })
    if (moved.is !== 'done') throw new Problem('invalid_state', `${params.id} began a moment ago`)
    return { delivered: 'now' as const, task: viewTask(atWork) }
  })
}

/** What a message brings that is lost when only its words are said, as half a sentence; null: nothing. */
function* besideWords(tx: Tx, { spec }: TaskRecord): Work<string | null> {
  if (spec.continueFrom?.mode === 'fork') return 'begins a conversation of its own'
  if (spec.attachments.length > 0) return 'brings files'
  if (spec.context.length > 0) return 'brings texts of context'
  if (spec.outputSchema != null) return 'asks for an output'
  // Checks are taken over from the task it goes on from, where it brings none.
  const before = spec.continueFrom === null ? null : yield* taskById(tx, spec.continueFrom.task)
  return isDeepStrictEqual(spec.checks, before?.spec.checks ?? []) ? null : 'brings checks of its own'
}

/** The task of the same session whose agent is at work; messages may wait behind it. Without one the session's last task. */
function* atWorkIn(tx: Tx, named: TaskRecord): Work<TaskRecord> {
  const root = named.sessionKey ?? named.task.id
  const tail = yield* lockTail(tx, root)
  return openAttempt(tail.task) === null ? ((yield* runningIn(tx, root)) ?? tail) : tail
}

interface Said {
  readonly text: string
  readonly by: string
  /** The task that was named; its session’s agent may be at work on another. */
  readonly asked: string
}

function* sayNow(tx: Tx, record: TaskRecord, { asked, ...said }: Said): Work<void> {
  const open = openAttempt(record.task)
  const last = record.attempts.at(-1)
  if (open === null || open.state !== 'running' || last === undefined) {
    throw new Problem(
      'invalid_state',
      `no agent is at work on ${asked} or in its session; leave out now, and the message waits its turn`,
    )
  }
  if (!last.takesMessages) {
    throw new Problem(
      'invalid_state',
      `${last.harness ?? 'the agent'} takes no words while it works; leave out now, and the message waits its turn`,
    )
  }
  yield* pushMessage(tx, open.daemonId, 'message', { attemptId: open.id, ...said })
}

/** What waits to be said, in order. */
export async function listMessages(
  plane: Plane,
  { caller, params }: AskedOf<'listMessages'>,
): Promise<{ items: TaskView[] }> {
  return plane.store.read(function* (tx) {
    const { sessionKey, task } = yield* requireTask(tx, caller.teamId, params.id)
    return { items: (yield* waitingIn(tx, sessionKey ?? task.id)).map((record) => viewTask(record)) }
  })
}

/** Throws `invalid_state` for a task that does not wait any more. */
export async function editMessage(plane: Plane, { caller, params, body }: AskedOf<'editMessage'>): Promise<TaskView> {
  return changeWaiting(plane, { teamId: caller.teamId, id: params.id }, function* (tx) {
    const { spec } = yield* requireTask(tx, caller.teamId, params.id)
    // A title that was made of the old words would go on saying them.
    const title = spec.title === titleOf(spec.prompt) ? { title: titleOf(body.text) } : {}
    return yield* changePrompt(tx, params.id, { prompt: body.text, ...title })
  })
}

export async function holdTask(plane: Plane, { caller, params, body }: AskedOf<'holdTask'>): Promise<TaskView> {
  return changeWaiting(plane, { teamId: caller.teamId, id: params.id }, function* (tx) {
    const waits = yield* setHeld(tx, params.id, body.on)
    if (waits && !body.on) {
      yield* reconsider(tx, params.id, { actor: caller.actor, cause: 'let go' }, plane.settings.retry)
    }
    return waits
  })
}

async function changeWaiting(
  plane: Plane,
  { teamId, id }: { readonly teamId: string; readonly id: string },
  work: (tx: Tx) => Work<boolean>,
): Promise<TaskView> {
  return plane.store.run(function* (tx) {
    const before = yield* requireTask(tx, teamId, id)
    if (!(yield* work(tx))) {
      throw new Problem('invalid_state', `${id} is ${before.task.status.state}; only a task that waits can be changed`)
    }
    const after = yield* requireTask(tx, teamId, id)
    tx.notify({ kind: 'task', teamId, taskId: id, state: after.task.status.state })
    return viewTask(after)
  })
}

export async function readSessions(
  plane: Plane,
  { caller, query }: AskedOf<'listSessions'>,
): Promise<{ items: SessionView[]; nextCursor: string | null }> {
  const { limit = defaultPage, cursor } = query
  const before = cursor === undefined ? null : placeOf(cursor)
  const rows = await plane.store.read((tx) => listSessions(tx, caller.teamId, { limit: limit + 1, before }))
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const nextCursor = rows.length > limit && last !== undefined ? `${last.updated_at}.${last.id}` : null
  return { items: shown.map(viewSession), nextCursor }
}

function placeOf(cursor: string): { at: number; id: string } {
  const [, at, id] = /^(\d{1,15})\.(task_\w+)$/.exec(cursor) ?? []
  if (at === undefined || id === undefined) {
    throw new Problem('invalid_request', `cursor ${cursor} is not one this server gave; leave it out to start again`)
  }
  return { at: Number(at), id }
}

export async function readSession(plane: Plane, teamId: string, id: string): Promise<SessionView> {
  return plane.store.read((tx) => requireSession(tx, teamId, id))
}

/** Closing one that is closed changes nothing. */
export async function endSession(plane: Plane, teamId: string, id: string): Promise<SessionView> {
  return plane.store.run(function* (tx) {
    const { id: root } = yield* requireSession(tx, teamId, id)
    yield* closeSession(tx, teamId, root)
    return yield* requireSession(tx, teamId, root)
  })
}

function* requireSession(tx: Tx, teamId: string, id: string): Work<SessionView> {
  const { sessionKey, task } = yield* requireTask(tx, teamId, id)
  const row = yield* getSession(tx, teamId, sessionKey ?? task.id)
  if (row === null) throw new Problem('not_found', `${id} has no session: no agent has told of a conversation`)
  return viewSession(row)
}

function viewSession(row: SessionRow): SessionView {
  return {
    id: row.id,
    correlationId: row.correlation_id,
    repo: row.repo,
    harness: row.harness,
    daemonId: row.daemon_id,
    daemonName: row.daemon_name,
    sessionRef: row.session_ref,
    sessionCid: row.session_cid,
    branch: row.branch,
    state: row.closed_at !== null ? 'closed' : Number(row.open) > 0 ? 'busy' : 'idle',
    tasks: Number(row.tasks),
    lastTaskId: row.last_task_id,
    title: row.title,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    closedAt: row.closed_at,
    resumableUntil: resumableUntil(row),
  }
}

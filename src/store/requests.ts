// Requests: questions and permissions an agent puts to a person. Each is answered once; while one is open the agent's time stands still.

import type { Selectable } from 'kysely'
import { sql } from 'kysely'
import type { Refusal } from '../core/command.ts'
import { Problem } from '../core/problem.ts'
import { sendMessage } from './messages.ts'
import type { Claimant } from './owners.ts'
import { attemptRow, granted, leaseLost } from './owners.ts'
import type { Tx, Work } from './port.ts'
import { all, change, changeBy, first, parseJson, parseJsonOrNull } from './query.ts'
import type { Schema } from './schema.ts'
import { lockTask } from './task-rows.ts'

export interface RequestDoc {
  readonly kind: 'permission' | 'question'
  readonly title: string
  readonly body: Readonly<Record<string, unknown>>
  readonly options: readonly { readonly id: string; readonly label: string }[]
}

export interface NewRequest extends Claimant, RequestDoc {
  readonly requestId: string
  readonly expiresAt: number
}

export interface RequestAnswer {
  readonly optionId: string | null
  readonly text: string | null
  readonly by: string
}

export interface RequestRecord extends RequestDoc {
  readonly id: string
  readonly teamId: string
  readonly taskId: string
  readonly attemptId: string
  readonly daemonId: string
  /** `closed`: its attempt ended first. */
  readonly state: 'open' | 'answered' | 'expired' | 'closed'
  readonly createdAt: number
  readonly expiresAt: number
  readonly answer: (RequestAnswer & { readonly at: number }) | null
}

/** Opens a request, once: the same id again changes nothing. Refused with `lease_lost` unless the attempt is open and the daemon's. */
export function* openRequest(
  tx: Tx,
  given: NewRequest,
): Work<{ readonly is: 'done' } | { readonly is: 'refused'; readonly refusal: Refusal }> {
  const seen = yield* attemptRow(tx, given.attemptId)
  const task = seen === null ? null : yield* lockTask(tx, seen.task_id)
  const row = task?.attemptRows.find((each) => each.id === given.attemptId) ?? null
  if (task === null || !granted(row, given) || row.open === 0) return { is: 'refused', refusal: leaseLost(row, given) }
  const { kind, title, body, options } = given
  const insert = tx.db.insertInto('requests').values({
    id: given.requestId,
    team_id: row.team_id,
    task_id: row.task_id,
    attempt_id: row.id,
    daemon_id: row.daemon_id,
    state: 'open',
    doc: JSON.stringify({ kind, title, body, options }),
    created_at: tx.now,
    expires_at: given.expiresAt,
    answer: null,
  })
  const opened = yield* change(insert.onConflict((on) => on.column('id').doNothing()).compile())
  if (opened === 0) return { is: 'done' }
  yield* changeBy(tx, sql`update attempts set asks = asks + 1 where id = ${row.id}`)
  tx.notify({ kind: 'task', teamId: row.team_id, taskId: row.task_id, state: task.row.state })
  return { is: 'done' }
}

/** The team's open requests, oldest first. */
export function* listRequests(tx: Tx, teamId: string): Work<RequestRecord[]> {
  const query = tx.db
    .selectFrom('requests')
    .selectAll()
    .where('team_id', '=', teamId)
    .where('state', '=', sql.lit('open'))
  return (yield* all(query.orderBy('created_at').compile())).map(recordOf)
}

export function* getRequest(tx: Tx, teamId: string, id: string): Work<RequestRecord | null> {
  const query = tx.db.selectFrom('requests').selectAll().where('id', '=', id).where('team_id', '=', teamId)
  const row = yield* first(query.compile())
  return row === null ? null : recordOf(row)
}

/**
 * Answers a request and sends the answer to its daemon. Null: the team has no such request. Throws Problem `invalid_state` when it is not
 * open any more, `invalid_request` when the option is not one it offers.
 */
export function* answerRequest(tx: Tx, teamId: string, id: string, answer: RequestAnswer): Work<RequestRecord | null> {
  const asked = yield* getRequest(tx, teamId, id)
  if (asked === null) return null
  if (answer.optionId !== null && !asked.options.some((option) => option.id === answer.optionId)) {
    const offered = asked.options.map((option) => option.id).join(', ')
    throw new Problem('invalid_request', `${id} offers no option ${answer.optionId}; choose one of: ${offered}`)
  }
  const closed = asked.expiresAt > tx.now ? yield* close(tx, asked, 'answered', { ...answer, at: tx.now }) : null
  if (closed === null) {
    const now = asked.state === 'open' ? 'expired' : asked.state
    throw new Problem('invalid_state', `${id} is ${now} already`)
  }
  const { optionId, text, by } = answer
  yield* sendMessage(tx, closed.daemonId, 'answer', { requestId: id, attemptId: closed.attemptId, optionId, text, by })
  return closed
}

/** Expires what nobody answered in time; never grants. Gives what expired. */
export function* expireRequests(tx: Tx, limit: number): Work<RequestRecord[]> {
  const due = tx.db
    .selectFrom('requests')
    .selectAll()
    .where('state', '=', sql.lit('open'))
    .where('expires_at', '<=', tx.now)
  const expired: RequestRecord[] = []
  for (const row of yield* all(due.orderBy('expires_at').limit(limit).compile())) {
    const closed = yield* close(tx, recordOf(row), 'expired', null)
    if (closed === null) continue
    expired.push(closed)
    const answer = { requestId: row.id, attemptId: row.attempt_id, optionId: null, text: null, by: 'server' }
    yield* sendMessage(tx, row.daemon_id, 'answer', answer)
  }
  return expired
}

/** Moves an open request to its end, and gives the agent back the time it stood still. Null: it was not open. */
function* close(
  tx: Tx,
  asked: RequestRecord,
  state: 'answered' | 'expired',
  answer: RequestRecord['answer'],
): Work<RequestRecord | null> {
  const update = tx.db
    .updateTable('requests')
    .set({ state, answer: answer === null ? null : JSON.stringify(answer) })
    .where('id', '=', asked.id)
    .where('state', '=', 'open')
  const row = yield* first(update.returningAll().compile())
  if (row === null) return null
  // With several open at once their spans overlap; the last one to close pays back its own, which is never too much.
  yield* changeBy(
    tx,
    sql`update attempts set asks = asks - 1,
      timeout_at = case when asks = 1 then timeout_at + ${tx.now - asked.createdAt} else timeout_at end
      where id = ${asked.attemptId} and asks > 0`,
  )
  const task = yield* first(tx.db.selectFrom('tasks').select('state').where('id', '=', asked.taskId).compile())
  if (task !== null) tx.notify({ kind: 'task', teamId: asked.teamId, taskId: asked.taskId, state: task.state })
  return recordOf(row)
}

function recordOf(row: Selectable<Schema['requests']>): RequestRecord {
  return {
    ...parseJson<RequestDoc>(row.doc),
    id: row.id,
    teamId: row.team_id,
    taskId: row.task_id,
    attemptId: row.attempt_id,
    daemonId: row.daemon_id,
    state: row.state as RequestRecord['state'], // written from this union
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    answer: parseJsonOrNull(row.answer),
  }
}

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
  readonly options: readonly RequestOption[]
}

export interface RequestOption {
  readonly id: string
  readonly label: string
  readonly grants: 'allow' | 'always' | 'deny' | 'other'
}

export interface NewRequest extends Claimant, RequestDoc {
  readonly requestId: string
  /** How long a person has from now, ms. */
  readonly openForMs: number
}

export interface RequestAnswer {
  readonly optionId: string | null
  readonly text: string | null
  readonly by: string
}

/** `withdrawn`: the agent took it back. `closed`: its attempt ended first. */
export type RequestState = 'open' | 'answered' | 'expired' | 'withdrawn' | 'closed'

export interface RequestRecord extends RequestDoc {
  readonly id: string
  readonly teamId: string
  readonly taskId: string
  readonly attemptId: string
  readonly daemonId: string
  readonly state: RequestState
  readonly createdAt: number
  readonly expiresAt: number
  readonly answer: (RequestAnswer & { readonly at: number }) | null
}

type Heard = { readonly is: 'done' } | { readonly is: 'refused'; readonly refusal: Refusal }

/**
 * Opens a request, once: the same id again opens nothing, but an answer that it has already is sent again, for a daemon that lost it.
 * Refused with `lease_lost` unless the attempt is open and the daemon's. An attempt that is being stopped asks nobody.
 */
export function* openRequest(tx: Tx, given: NewRequest): Work<Heard> {
  const seen = yield* attemptRow(tx, given.attemptId)
  const task = seen === null ? null : yield* lockTask(tx, seen.task_id)
  const row = task?.attemptRows.find((each) => each.id === given.attemptId) ?? null
  if (task === null || !granted(row, given) || row.open === 0) return { is: 'refused', refusal: leaseLost(row, given) }
  if (row.ownership === 'stopping') return { is: 'done' }
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
    expires_at: tx.now + given.openForMs,
    answer: null,
  })
  const opened = yield* change(insert.onConflict((on) => on.column('id').doNothing()).compile())
  if (opened === 0) return yield* sayAgain(tx, row.team_id, given)
  yield* changeBy(
    tx,
    sql`update attempts set asks_since = case when asks = 0 then ${tx.now} else asks_since end, asks = asks + 1
      where id = ${row.id}`,
  )
  tx.notify({ kind: 'task', teamId: row.team_id, taskId: row.task_id, state: task.row.state })
  return { is: 'done' }
}

function* sayAgain(tx: Tx, teamId: string, { requestId, attemptId }: NewRequest): Work<Heard> {
  const known = yield* getRequest(tx, teamId, requestId)
  if (known?.attemptId === attemptId && (known.state === 'answered' || known.state === 'expired'))
    yield* sendAnswer(tx, known)
  return { is: 'done' }
}

/** The agent took its request back, or its host denied it by its own clock. One that is not open any more stays as it is. */
export function* withdrawRequest(
  tx: Tx,
  claimant: Claimant,
  { requestId, expired = false }: { readonly requestId: string; readonly expired?: boolean | undefined },
): Work<Heard> {
  const row = yield* attemptRow(tx, claimant.attemptId)
  if (!granted(row, claimant)) return { is: 'refused', refusal: leaseLost(row, claimant) }
  const asked = yield* getRequest(tx, row.team_id, requestId)
  if (asked?.attemptId === claimant.attemptId) yield* close(tx, asked, expired ? 'expired' : 'withdrawn', null)
  return { is: 'done' }
}

/** What stands open of these attempts. */
export function* openRequestsOf(
  tx: Tx,
  attemptIds: readonly string[],
): Work<{ readonly attemptId: string; readonly requestId: string }[]> {
  if (attemptIds.length === 0) return []
  const query = tx.db
    .selectFrom('requests')
    .select(['attempt_id as attemptId', 'id as requestId'])
    .where('state', '=', sql.lit('open')) // written out: the index of open ones is partial
    .where('attempt_id', 'in', attemptIds)
  return yield* all(query.compile())
}

export interface RequestQuery {
  readonly teamId: string
  readonly taskId?: string | undefined
  /** Default: open. */
  readonly state?: RequestState | 'any' | undefined
  /** As an earlier page gave it. */
  readonly cursor?: string | undefined
  readonly limit: number
}

/** The team's requests, oldest first. Throws `invalid_request` for a cursor of another kind. */
export function* listRequests(
  tx: Tx,
  { teamId, taskId, state = 'open', cursor, limit }: RequestQuery,
): Work<{ readonly records: RequestRecord[]; readonly nextCursor: string | null }> {
  let query = tx.db.selectFrom('requests').selectAll().where('team_id', '=', teamId)
  if (state !== 'any') query = query.where('state', '=', sql.lit(state)) // written out: the index of open ones is partial
  if (taskId !== undefined) query = query.where('task_id', '=', taskId)
  if (cursor !== undefined) {
    const { at, id } = placeOf(cursor)
    query = query.where(sql<boolean>`(created_at > ${at} or (created_at = ${at} and id > ${id}))`)
  }
  const rows = yield* all(
    query
      .orderBy('created_at')
      .orderBy('id')
      .limit(limit + 1)
      .compile(),
  )
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const nextCursor = rows.length > limit && last !== undefined ? `${last.created_at}.${last.id}` : null
  return { records: shown.map(recordOf), nextCursor }
}

function placeOf(cursor: string): { readonly at: number; readonly id: string } {
  const [, at, id] = /^(\d{1,15})\.([\w-]{1,100})$/.exec(cursor) ?? []
  if (at === undefined || id === undefined)
    throw new Problem('invalid_request', `cursor ${JSON.stringify(cursor)} was not given by an earlier page`)
  return { at: Number(at), id }
}

export function* getRequest(tx: Tx, teamId: string, id: string): Work<RequestRecord | null> {
  const query = tx.db.selectFrom('requests').selectAll().where('id', '=', id).where('team_id', '=', teamId)
  const row = yield* first(query.compile())
  return row === null ? null : recordOf(row)
}

/**
 * Answers a request and sends the answer to its daemon. Null: the team has no such request. Throws Problem `invalid_state` when it is not
 * open any more, `invalid_request` when the answer is none that it takes.
 */
export function* answerRequest(tx: Tx, teamId: string, id: string, answer: RequestAnswer): Work<RequestRecord | null> {
  const asked = yield* getRequest(tx, teamId, id)
  if (asked === null) return null
  checkAnswer(asked, answer)
  const closed = asked.expiresAt > tx.now ? yield* close(tx, asked, 'answered', { ...answer, at: tx.now }) : null
  if (closed === null) {
    const now = yield* getRequest(tx, teamId, id)
    throw new Problem('invalid_state', `${id} ${hasBecome(now ?? asked)}`)
  }
  yield* sendAnswer(tx, closed)
  return closed
}

function checkAnswer({ id, kind, options }: RequestRecord, { optionId, text }: RequestAnswer): void {
  const offered = options.map((option) => option.id).join(', ')
  if (optionId !== null && !options.some((option) => option.id === optionId)) {
    const choose = options.length === 0 ? 'answer it with text' : `choose one of: ${offered}`
    throw new Problem('invalid_request', `${id} offers no option ${JSON.stringify(optionId.slice(0, 100))}; ${choose}`)
  }
  if (optionId !== null) return
  if (kind === 'permission' && options.length > 0)
    throw new Problem('invalid_request', `${id} asks for a permission; answer with an option: ${offered}`)
  if (text === null || text.trim() === '')
    throw new Problem('invalid_request', `the answer to ${id} has neither an option nor text`)
}

function hasBecome({ state, answer }: RequestRecord): string {
  switch (state) {
    case 'open':
    case 'expired':
      return 'has expired: it was denied, as nobody had answered in time'
    case 'answered':
      return `was answered already, by ${answer?.by ?? 'somebody'}`
    case 'withdrawn':
      return 'was taken back by the agent'
    case 'closed':
      return 'is over: its attempt has ended'
  }
}

function* sendAnswer(tx: Tx, { id, daemonId, attemptId, answer }: RequestRecord): Work<void> {
  const { optionId, text, by } = answer ?? { optionId: null, text: null, by: 'server' }
  yield* sendMessage(tx, daemonId, 'answer', { requestId: id, attemptId, optionId, text, by })
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
    yield* sendAnswer(tx, closed)
  }
  return expired
}

/** Moves an open request to its end; the last of several gives the agent back the time they stood open. Null: it was not open. */
function* close(
  tx: Tx,
  asked: RequestRecord,
  state: 'answered' | 'expired' | 'withdrawn',
  answer: RequestRecord['answer'],
): Work<RequestRecord | null> {
  const task = yield* lockTask(tx, asked.taskId)
  const update = tx.db
    .updateTable('requests')
    .set({ state, answer: answer === null ? null : JSON.stringify(answer) })
    .where('id', '=', asked.id)
    .where('state', '=', 'open')
  const row = yield* first(update.returningAll().compile())
  if (row === null) return null
  yield* changeBy(
    tx,
    sql`update attempts set asks = asks - 1,
      waited_ms = case when asks = 1 then waited_ms + ${tx.now} - coalesce(asks_since, ${tx.now}) else waited_ms end,
      timeout_at = case when asks = 1 then timeout_at + ${tx.now} - coalesce(asks_since, ${tx.now}) else timeout_at end
      where id = ${asked.attemptId} and asks > 0`,
  )
  if (task !== null) tx.notify({ kind: 'task', teamId: asked.teamId, taskId: asked.taskId, state: task.row.state })
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

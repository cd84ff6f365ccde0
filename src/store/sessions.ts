// Sessions: conversations that outlive attempts. A session's id is that of its first task; the others carry it as their session key.

import type { Selectable } from 'kysely'
import { sql } from 'kysely'
import { Problem } from '../core/problem.ts'
import type { ProfileSettings } from '../protocol/fleet.ts'
import type { TaskRecord, Tx, Work } from './port.ts'
import { all, change, changeBy, first, parseJsonOrNull, rowsOf } from './query.ts'
import type { SessionsTable } from './schema.ts'
import { taskById } from './tasks.ts'

export type SessionRow = Selectable<SessionsTable> & {
  readonly tasks: number
  /** Tasks that have not ended. */
  readonly open: number
  /** Settings of the profile that its last task ran with, as they are now, JSON; null: it had none, or it is gone. */
  readonly profile: string | null
}

/** Until when it may be gone on with, ms since the epoch; null: no limit, or its agent is at work or about to be. */
export function resumableUntil({ profile, open, updated_at }: SessionRow): number | null {
  const { sessionTtlMs } = parseJsonOrNull<ProfileSettings>(profile) ?? {}
  return sessionTtlMs === undefined || Number(open) > 0 ? null : updated_at + sessionTtlMs
}

/** Locks a session until the transaction ends, so that each task that joins it sees the one before. Gives its last task. */
export function* lockTail(tx: Tx, root: string): Work<TaskRecord> {
  yield* changeBy(tx, sql`update tasks set watched = 1 where id = ${root}`)
  const query = tx.db.selectFrom('tasks').select('id').where('session_key', '=', root).orderBy('seq', 'desc').limit(1)
  const tail = yield* taskById(tx, (yield* first(query.compile()))?.id ?? root)
  if (tail === null) throw new Problem('not_found', `the tasks of session ${root} are no longer kept`)
  return tail
}

/** A later task of the session that has begun, or may begin at any moment; null: none. The session is to be locked. */
export function* goesOnNow(tx: Tx, root: string, id: string): Work<string | null> {
  const later = sql<{ id: string }>`select id from tasks where session_key = ${root}
    and seq > (select seq from tasks where id = ${id}) and ended_at is null and state <> 'waiting' order by seq limit 1`
  return (yield* rowsOf(tx, later))[0]?.id ?? null
}

/** The session that a new task of this correlation joins: that of the latest one with the same repository. */
export function* rootOfCorrelation(
  tx: Tx,
  teamId: string,
  { correlationId, repo }: { readonly correlationId: string; readonly repo: string | null },
): Work<string | null> {
  const query = tx.db
    .selectFrom('tasks')
    .select(['id', 'session_key'])
    .where('team_id', '=', teamId)
    .where('correlation_id', '=', correlationId)
    .where('repo', repo === null ? 'is' : '=', repo)
    .orderBy('seq', 'desc')
    .limit(1)
  const row = yield* first(query.compile())
  return row === null ? null : (row.session_key ?? row.id)
}

/** What waits in a session, in order. */
export function* waitingIn(tx: Tx, root: string): Work<TaskRecord[]> {
  const query = tx.db.selectFrom('tasks').select('id').where('session_key', '=', root).where('state', '=', 'waiting')
  const found: TaskRecord[] = []
  for (const { id } of yield* all(query.orderBy('seq').compile())) {
    const record = yield* taskById(tx, id)
    if (record !== null) found.push(record)
  }
  return found
}

/** The task of a session that is at work, if one is. */
export function* runningIn(tx: Tx, root: string): Work<TaskRecord | null> {
  const query = tx.db
    .selectFrom('tasks')
    .select('id')
    .where((each) => each.or([each('id', '=', root), each('session_key', '=', root)]))
    .where('state', '=', 'running')
    .limit(1)
  const row = yield* first(query.compile())
  return row === null ? null : yield* taskById(tx, row.id)
}

/** Keeps where a conversation now lives. */
export function* rememberSession(tx: Tx, record: TaskRecord, attemptId: string): Work<void> {
  const last = record.attempts.find(({ attempt }) => attempt.id === attemptId)
  if (last?.sessionRef == null) return
  const { outcome, harness, daemonName, sessionRef } = last
  const place = {
    daemon_id: last.attempt.daemonId,
    daemon_name: daemonName,
    session_ref: sessionRef,
    session_cid: outcome?.sessionCid ?? null,
    branch: outcome?.evidence?.branch ?? null,
    harness,
    last_task_id: record.task.id,
    last_attempt_id: attemptId,
    updated_at: tx.now,
  }
  const row = {
    id: record.sessionKey ?? record.task.id,
    team_id: record.teamId,
    correlation_id: record.correlationId,
    repo: record.needs.repo,
    title: record.spec.title,
    created_at: tx.now,
    closed_at: null,
    ...place,
  }
  yield* change(
    tx.db
      .insertInto('sessions')
      .values(row)
      .onConflict((on) => on.column('id').doUpdateSet(place))
      .compile(),
  )
}

export function* getSession(tx: Tx, teamId: string, id: string): Work<SessionRow | null> {
  const [row] = yield* rowsOf(tx, sql<SessionRow>`${selectSession} where s.id = ${id} and s.team_id = ${teamId}`)
  return row ?? null
}

export interface SessionPage {
  readonly limit: number
  /** Place of the last one read: `updated_at` and id. */
  readonly before: { readonly at: number; readonly id: string } | null
}

/** The latest first. */
export function* listSessions(tx: Tx, teamId: string, { limit, before }: SessionPage): Work<SessionRow[]> {
  const from =
    before === null
      ? sql``
      : sql`and (s.updated_at < ${before.at} or (s.updated_at = ${before.at} and s.id > ${before.id}))`
  return yield* rowsOf(
    tx,
    sql<SessionRow>`${selectSession} where s.team_id = ${teamId} ${from} order by s.updated_at desc, s.id limit ${limit}`,
  )
}

/** False: it was closed before, or is not there. */
export function* closeSession(tx: Tx, teamId: string, id: string): Work<boolean> {
  const update = tx.db.updateTable('sessions').set({ closed_at: tx.now }).where('id', '=', id)
  return (yield* change(update.where('team_id', '=', teamId).where('closed_at', 'is', null).compile())) > 0
}

/** Other words for a task that still waits, and the title where one is given. False: it does not wait any more. */
export function* changePrompt(
  tx: Tx,
  id: string,
  words: { readonly prompt: string; readonly title?: string },
): Work<boolean> {
  return yield* changeSpec(tx, id, words)
}

/** Holds a task that waits, or lets it go. False: it does not wait any more. */
export function* setHeld(tx: Tx, id: string, held: boolean): Work<boolean> {
  return yield* changeSpec(tx, id, { held })
}

function* changeSpec(tx: Tx, id: string, fields: Readonly<Record<string, unknown>>): Work<boolean> {
  const lock = sql<{
    doc: string
  }>`update tasks set watched = watched where id = ${id} and state = 'waiting' returning doc`
  const [row] = yield* rowsOf(tx, lock)
  if (row === undefined) return false
  const { spec, terms } = JSON.parse(row.doc) as { spec: object; terms: object } // written by createTask
  const doc = JSON.stringify({ spec: { ...spec, ...fields }, terms })
  yield* change(tx.db.updateTable('tasks').set({ doc }).where('id', '=', id).compile())
  return true
}

const selectSession = sql`select s.*,
  (select count(*) from tasks t where t.session_key = s.id) + 1 as tasks,
  (select count(*) from tasks t where (t.session_key = s.id or t.id = s.id) and t.ended_at is null) as open,
  (select p.settings from attempts a join profiles p on p.id = a.profile_id where a.id = s.last_attempt_id) as profile
  from sessions s`

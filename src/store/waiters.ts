// Tasks that wait for other tasks: what a condition finds now, and who is released when a task it names has changed.

import { sql } from 'kysely'
import type { Answer, Condition, Known } from '../core/condition.ts'
import { evaluate, namedTasks } from '../core/condition.ts'
import type { RetryPolicy } from '../core/retry.ts'
import type { Requirements } from '../core/routing.ts'
import type { TaskStateName, Verdict } from '../core/task.ts'
import { terminalStates } from '../core/task.ts'
import type { Cause, TaskSpec, Tx, Work } from './port.ts'
import { all, change, parseJson, rowsOf } from './query.ts'
import { pinToSeat } from './seat.ts'
import { step } from './step.ts'
import type { Loaded, TaskDoc } from './task-rows.ts'
import { lockTask } from './task-rows.ts'

interface KnownRow {
  readonly id: string
  readonly state: string
  readonly verdict: string | null
  /** Attempts that have not ended. */
  readonly open: number
  /** Attempts there ever were. */
  readonly ran: number
  readonly doc: string
}

/** What a task waits for: its own condition, and the end of the task before it in its session. */
interface Watched {
  readonly condition: Condition
  readonly found: Answer
}

/**
 * Evaluates what a task waits for; null: nothing. The tasks it names are marked as watched, which also locks their rows: one that changes at
 * the same time either was seen here, or sees the mark. Where the task before it ended without ever having begun (a message that was
 * cancelled, or said to the agent at work), it waits for the one before that: two agents would else work in one session.
 */
export function* watchCondition(tx: Tx, teamId: string, spec: TaskSpec): Work<Watched | null> {
  let before = spec.continueFrom?.task ?? null
  while (true) {
    const condition = conditionOf(spec.claimCondition, before)
    if (condition === null) return null
    const rows = yield* rowsOf(
      tx,
      sql<KnownRow>`update tasks set watched = 1 where id in (${sql.join(namedTasks(condition))}) and team_id = ${teamId}
        returning id, state, verdict, doc, ${attemptsOf} as ran, ${openAttempts} as open`,
    )
    const earlier = beforeUnbegun(rows.find((row) => row.id === before))
    if (earlier === null) return { condition, found: answer(condition, rows) }
    before = earlier
  }
}

function conditionOf(own: Condition | null, before: string | null): Condition | null {
  if (before === null) return own
  const over: Condition = { op: 'task_over', taskId: before }
  return own === null ? over : { op: 'all', conditions: [own, over] }
}

/** What an ended task that never began went on from; null: it began, may still begin, or went on from nothing. */
function beforeUnbegun(row: KnownRow | undefined): string | null {
  if (row === undefined || row.ran > 0 || !isTerminal(row.state)) return null
  return parseJson<TaskDoc>(row.doc).spec.continueFrom?.task ?? null
}

/** Writes which tasks the waiting task watches; those it watches already stay. */
export function* addRefs(tx: Tx, taskId: string, condition: Condition): Work<void> {
  const refs = namedTasks(condition).map((ref_task_id) => ({ ref_task_id, task_id: taskId }))
  const query = tx.db.insertInto('condition_refs').values(refs)
  yield* change(query.onConflict((conflict) => conflict.doNothing()).compile())
}

/** Looks again at every task that waits for one of `changed`, and at those that wait for these, until nothing moves. */
export function* settleWaiters(tx: Tx, changed: readonly Loaded[], policy: RetryPolicy): Work<void> {
  const todo = changed.filter((each) => each.row.watched === 1)
  for (let source = todo.shift(); source !== undefined; source = todo.shift()) {
    const query = tx.db.selectFrom('condition_refs').select('task_id').where('ref_task_id', '=', source.row.id)
    for (const { task_id } of yield* all(query.compile())) {
      const cause: Cause = { actor: 'server', cause: source.row.id }
      const moved = yield* reconsider(tx, task_id, cause, policy)
      if (moved !== null && moved.row.watched === 1) todo.push(moved)
    }
  }
}

/** Queues or fails a waiting task if its condition and its time allow. Gives it when it moved. */
export function* reconsider(tx: Tx, taskId: string, cause: Cause, policy: RetryPolicy): Work<Loaded | null> {
  const loaded = yield* lockTask(tx, taskId)
  if (loaded === null || loaded.row.state !== 'waiting') return null
  const { spec } = loaded.doc
  const watched = yield* watchCondition(tx, loaded.row.team_id, spec)
  const found = watched?.found ?? met
  if (watched !== null && found.is === 'open') yield* addRefs(tx, taskId, watched.condition)
  if (found.is === 'open' || (spec.held === true && found.is === 'met')) return null
  if (found.is === 'met' && loaded.row.run_at !== null && loaded.row.run_at > tx.now) return null
  const command =
    found.is === 'met' ? { type: 'ready' as const } : { type: 'unsatisfiable' as const, detail: found.because }
  const stepped = yield* step(tx, loaded, command, { cause, policy })
  yield* change(tx.db.deleteFrom('condition_refs').where('task_id', '=', taskId).compile())
  if (stepped.is !== 'done') return null
  const needs: Requirements = parseJson(loaded.row.needs)
  if (spec.continueFrom !== null) yield* pinToSeat(tx, { id: taskId, needs, from: spec.continueFrom.task })
  return stepped.loaded
}

const attemptsOf = sql`(select count(*) from attempts a where a.task_id = tasks.id)`
const openAttempts = sql`(select count(*) from attempts a where a.task_id = tasks.id and a.open = 1)`

const met: Answer = { is: 'met' }

function answer(condition: Condition, rows: readonly KnownRow[]): Answer {
  const known = new Map(rows.map((row) => [row.id, toKnown(row)]))
  return evaluate(condition, (taskId) => known.get(taskId) ?? null)
}

function toKnown({ state, verdict, open }: KnownRow): Known {
  const over = open === 0 && isTerminal(state)
  // Both columns are written from these unions.
  return { state: state as TaskStateName, verdict: verdict as Verdict | null, over }
}

function isTerminal(state: string): boolean {
  return (terminalStates as readonly string[]).includes(state)
}

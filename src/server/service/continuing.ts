// A task that goes on from earlier work: what it takes over, what it waits for, and what its daemon is told.

import { Problem } from '../../core/problem.ts'
import type { Continuation, Continued } from '../../protocol/session.ts'
import type { TaskCreate } from '../../protocol/task.ts'
import { readEvents } from '../../store/events.ts'
import type { AttemptRecord, Sticky, TaskRecord, Tx, Work } from '../../store/port.ts'
import { seatOf, stickyMs } from '../../store/seat.ts'
import { getSession, lockTail, resumableUntil, rootOfCorrelation } from '../../store/sessions.ts'
import { getTask, taskById } from '../../store/tasks.ts'

export interface Continuing {
  /** The body with what was not given taken over. */
  readonly body: TaskCreate
  readonly continued: Continued
  /** The session it joins; null: a fork begins its own. */
  readonly sessionKey: string | null
  readonly sticky: Sticky | null
}

/** Null for a task that begins anew. Throws Problem: `unknown_task`, `contradiction`, `invalid_state` for a closed session. */
export function* continuing(tx: Tx, teamId: string, body: TaskCreate): Work<Continuing | null> {
  if (body.continueFrom !== undefined) return yield* explicit(tx, teamId, body, body.continueFrom)
  const joins = body.workspace?.scope === 'session' && body.correlationId !== undefined
  if (!joins || body.correlationId === undefined) return null
  const { correlationId, repo = null } = body
  const root = yield* rootOfCorrelation(tx, teamId, { correlationId, repo })
  if (root === null || (yield* whyNot(tx, teamId, root)) !== null) return null
  const tail = yield* lockTail(tx, root)
  return yield* from(tx, tail, { body, mode: 'extend', handoff: true, root })
}

function* explicit(
  tx: Tx,
  teamId: string,
  body: TaskCreate,
  { task, mode, handoff = false }: NonNullable<TaskCreate['continueFrom']>,
): Work<Continuing> {
  const source = yield* getTask(tx, teamId, task)
  if (source === null)
    throw new Problem('unknown_task', `continueFrom: ${JSON.stringify(task)} is not a task of this team`)
  refuseOverrides(body, source)
  const root = source.sessionKey ?? source.task.id
  const over = yield* whyNot(tx, teamId, root)
  if (over !== null && (over !== closed || mode === 'extend'))
    throw new Problem('invalid_state', `the session of ${task} ${over}`)
  if (mode === 'fork') return yield* from(tx, source, { body, mode, handoff, root: null })
  return yield* from(tx, yield* lockTail(tx, root), { body, mode, handoff, root })
}

const closed = 'is closed: it can be forked, and not gone on with'

/** Why a session takes no more tasks, as half a sentence; null: it does. */
function* whyNot(tx: Tx, teamId: string, root: string): Work<string | null> {
  const row = yield* getSession(tx, teamId, root)
  if (row === null) return null
  if (row.closed_at !== null) return closed
  const until = resumableUntil(row)
  if (until === null || tx.now <= until) return null
  return `could be gone on with until ${new Date(until).toISOString()}; begin a new task`
}

/** The workspace is the one that is gone on with; another repository or agent could not. */
function refuseOverrides(body: TaskCreate, { task, needs, spec, attempts }: TaskRecord): void {
  const given = body.workspace
  if (
    given !== undefined &&
    (given.base !== undefined || (given.mode ?? spec.workspace.mode) !== spec.workspace.mode)
  ) {
    throw new Problem(
      'contradiction',
      `a continuation works where ${task.id} did (${spec.workspace.mode}); leave workspace out`,
    )
  }
  if (body.repo !== undefined && body.repo !== needs.repo) {
    throw new Problem(
      'contradiction',
      `repo ${body.repo} is not the one of ${task.id}, ${needs.repo ?? 'which has none'}`,
    )
  }
  const harness = harnessOf({ needs, attempts })
  if (
    body.harness !== undefined &&
    harness !== null &&
    body.harness !== harness &&
    body.continueFrom?.handoff !== true
  ) {
    throw new Problem(
      'contradiction',
      `harness ${body.harness} cannot go on with a conversation of ${harness}; leave it out, or give handoff`,
    )
  }
}

function harnessOf({ needs, attempts }: Pick<TaskRecord, 'needs' | 'attempts'>): string | null {
  return needs.harness ?? attempts.at(-1)?.harness ?? null
}

interface Joining {
  readonly body: TaskCreate
  readonly mode: Continued['mode']
  readonly handoff: boolean
  readonly root: string | null
}

function* from(tx: Tx, source: TaskRecord, { body, mode, handoff, root }: Joining): Work<Continuing> {
  const seat = yield* seatOf(tx, source.task.id)
  const { needs, spec, task } = source
  const harness = body.harness ?? harnessOf(source)
  const taken = {
    repo: needs.repo,
    role: needs.role,
    pool: needs.pool,
    daemon: needs.daemon,
    harness,
    model: spec.model,
    thinkingLevel: spec.thinkingLevel ?? null,
    correlationId: source.correlationId,
    type: needs.type,
  }
  const inherited = Object.fromEntries(Object.entries(taken).filter(([, value]) => value !== null))
  return {
    body: {
      ...inherited,
      autonomy: spec.autonomy,
      review: task.terms.review,
      checks: [...spec.checks],
      profiles: [...needs.profiles],
      labels: [...needs.labels],
      ...body,
      workspace: { mode: spec.workspace.mode, scope: spec.workspace.scope },
    },
    continued: { task: task.id, mode, handoff },
    sessionKey: root,
    sticky: seat === null ? null : { daemonId: seat, until: tx.now + stickyMs },
  }
}

/** Chains are followed back over tasks that never ran; more than this would be a loop. */
const longestChain = 100

/** What the daemon gets: the last attempt before this task that left anything. Null when none did: then there is nothing to go on with. */
export function* continuationOf(tx: Tx, record: TaskRecord): Work<Continuation | null> {
  const { continueFrom } = record.spec
  if (continueFrom === null) return null
  let source = yield* taskById(tx, continueFrom.task)
  for (let n = 0; source !== null && n < longestChain; n += 1) {
    const left = source.attempts.findLast(({ outcome, sessionRef }) => sessionRef !== null || outcome?.evidence != null)
    if (left !== undefined) return { ...leftBy(left, continueFrom), summary: yield* summary(tx, source, left) }
    const before: string | undefined = source.spec.continueFrom?.task
    source = before === undefined ? null : yield* taskById(tx, before)
  }
  return null
}

function leftBy(
  { attempt, taskId, harness, sessionRef, outcome }: AttemptRecord,
  { mode, handoff }: Continued,
): Omit<Continuation, 'summary'> {
  const evidence = outcome?.evidence ?? null
  return {
    mode,
    handoff,
    taskId,
    attemptId: attempt.id,
    daemonId: attempt.daemonId,
    harness,
    sessionRef,
    sessionCid: outcome?.sessionCid ?? null,
    branch: evidence?.branch ?? null,
    baseSha: evidence?.baseSha ?? null,
    headSha: evidence?.headSha ?? null,
    treeId: evidence?.treeId ?? null,
    checkpointRef: evidence?.checkpointRef ?? null,
    checkpointSha: evidence?.checkpointSha ?? null,
    diffCid: evidence?.diffCid ?? null,
  }
}

/** Enough of either for a new agent to know where it is. */
const quotedChars = 4_000
/** The agent's last words are among its last events. */
const lastEvents = 200

function* summary(tx: Tx, { spec }: TaskRecord, { attempt, taskId, eventCount }: AttemptRecord): Work<string> {
  const after = { attempt: attempt.n, seq: Math.max(0, eventCount - lastEvents) }
  const { events } = yield* readEvents(tx, taskId, { attempt: attempt.n, after, limit: lastEvents })
  const last = events.findLast((event) => event.type === 'text')
  const said = last?.type === 'text' ? `\n\nWhat the agent said last:\n\n${cut(last.text)}` : ''
  return `What was asked before:\n\n${cut(spec.prompt)}${said}`
}

function cut(text: string): string {
  return text.length <= quotedChars ? text : `${text.slice(0, quotedChars)} …`
}

// What a person asked for → a task that can be stored: defaults filled in, names resolved to ids, contradictions refused.

import { depth, maxConditionDepth, namedTasks } from '../../core/condition.ts'
import type { TaskId } from '../../core/id.ts'
import { Problem } from '../../core/problem.ts'
import { cidOfJson } from '../../lib/cid.ts'
import { limits } from '../../protocol/names.ts'
import type { TaskCreate } from '../../protocol/task.ts'
import { defaultStallMs } from '../../protocol/task.ts'
import type { NewTask, TaskRecord, TaskSpec, Tx, Work } from '../../store/port.ts'
import type { Created } from '../../store/tasks.ts'
import { createTask, getTask, madeBefore, tasksAmong } from '../../store/tasks.ts'
import type { Caller } from '../plane.ts'
import { taskTimeouts } from '../settings.ts'
import { attached } from './attachments.ts'
import { continuing } from './continuing.ts'
import { refuseUnfitSchema } from './output-schema.ts'
import type { Resolved } from './task-names.ts'
import { builtInHarnesses, resolveNames } from './task-names.ts'

export interface Draft {
  readonly id: TaskId
  readonly caller: Caller
  readonly body: TaskCreate
  readonly idempotencyKey: string | null
}

/**
 * Stores a task, once per Idempotency-Key: a repeat gives the first one, whatever has become of what it names since. `refuse` may throw for a
 * task that is really new. Throws what `draftTask` does, and `idempotency_conflict`.
 */
export function* createOnce(tx: Tx, draft: Draft, refuse: (given: NewTask) => void = () => {}): Work<Created> {
  const made = yield* madeBefore(tx, draft.caller.teamId, idempotencyOf(draft))
  if (made !== null) return made
  const given = yield* draftTask(tx, draft)
  refuse(given)
  return yield* createTask(tx, given)
}

function idempotencyOf({ idempotencyKey: key, body }: Draft): NewTask['idempotency'] {
  return key === null ? null : { key, bodyHash: cidOfJson(body) }
}

/** Turns a checked body into a new task. Throws Problem: `unknown_*`, `contradiction`, `too_large`, `hops_exceeded`, `invalid_request`. */
function* draftTask(tx: Tx, draft: Draft): Work<NewTask> {
  const { id, caller } = draft
  const earlier = yield* continuing(tx, caller.teamId, draft.body)
  const body = earlier?.body ?? draft.body
  refuseUnfit(body, tx.now)
  const names = yield* resolveNames(tx, caller.teamId, body)
  refuseUnfitHarness(body, names)
  const cause = yield* findCause(tx, caller.teamId, body.causeId)
  yield* requireNamedTasks(tx, caller.teamId, body)
  const workspace = workspaceOf(body, names)
  refuseSameSlug(body, names)
  const attachments = yield* attached(tx, caller.teamId, body.attachments ?? [])
  return {
    id,
    spec: { ...specOf(body, names, workspace), attachments, continueFrom: earlier?.continued ?? null },
    needs: {
      teamId: caller.teamId,
      pool: names.poolId,
      daemon: names.daemonId,
      repo: body.repo ?? null,
      role: body.role ?? null,
      type: body.type ?? 'freeform',
      harness: body.harness ?? null,
      profiles: names.profiles.map((profile) => profile.id),
      labels: [...new Set(body.labels ?? [])],
    },
    terms: {
      maxAttempts: body.maxAttempts ?? 3,
      retryOn: [...new Set(body.retryOn ?? [])],
      expect: body.expect ?? (body.outputSchema === undefined ? 'nothing' : 'output'),
      review: body.review ?? 'none',
      expiresAt: body.expiresAt ?? null,
    },
    priority: body.priority ?? 0,
    runAt: body.runAt ?? null,
    correlationId: body.correlationId ?? cause?.correlationId ?? null,
    causeId: body.causeId ?? null,
    hops: hopsAfter(cause),
    createdBy: caller.actor,
    idempotency: idempotencyOf(draft),
    ...(earlier?.sessionKey == null ? {} : { sessionKey: earlier.sessionKey }),
    ...(earlier?.sticky == null ? {} : { stickyDaemon: earlier.sticky }),
  }
}

function refuseUnfit(body: TaskCreate, now: number): void {
  const bytes = Buffer.byteLength(body.prompt)
  if (bytes > limits.promptBytes)
    throw new Problem('too_large', `the prompt has ${bytes} bytes; the limit is ${limits.promptBytes} bytes`)
  if (body.outputSchema !== undefined) refuseUnfitSchema(body.outputSchema)
  if (body.expiresAt !== undefined && body.expiresAt <= now)
    throw new Problem('invalid_request', `expiresAt ${body.expiresAt} is in the past; the server's time is ${now}`)
  if (body.expiresAt !== undefined && body.runAt !== undefined && body.expiresAt <= body.runAt)
    throw new Problem('contradiction', `expiresAt ${body.expiresAt} is not after runAt ${body.runAt}`)
  if (body.claimCondition !== undefined && depth(body.claimCondition) > maxConditionDepth)
    throw new Problem('invalid_request', `claimCondition is nested deeper than ${maxConditionDepth} levels`)
}

/** What the harness named, or the one of every allowed profile, can never do. */
function refuseUnfitHarness({ harness, model, thinkingLevel, interactive }: TaskCreate, { profiles }: Resolved): void {
  const named = new Set(harness === undefined ? profiles.map(({ settings }) => settings.harness) : [harness])
  const [meant] = named.size === 1 ? named : []
  const useless = model !== undefined ? 'model' : thinkingLevel !== undefined ? 'thinkingLevel' : null
  if (meant === 'shell' && useless !== null)
    throw new Problem('contradiction', `${useless} does not go with harness shell: a script has no model`)
  if (meant !== undefined && interactive === true && !builtInHarnesses.includes(meant))
    throw new Problem(
      'contradiction',
      `interactive does not go with harness ${meant}, which a host defined: only ${builtInHarnesses.join(', ')} run in a terminal`,
    )
}

function* findCause(tx: Tx, teamId: string, causeId: string | undefined): Work<TaskRecord | null> {
  if (causeId === undefined) return null
  const cause = yield* getTask(tx, teamId, causeId)
  if (cause === null) throw new Problem('unknown_task', `causeId ${JSON.stringify(causeId)} is not a task of this team`)
  return cause
}

/** A condition on a task that is not there could never be met. */
function* requireNamedTasks(tx: Tx, teamId: string, { claimCondition }: TaskCreate): Work<void> {
  if (claimCondition === undefined) return
  const named = namedTasks(claimCondition)
  const known = yield* tasksAmong(tx, teamId, named)
  const missing = named.find((id) => !known.has(id))
  if (missing !== undefined)
    throw new Problem('unknown_task', `claimCondition: ${JSON.stringify(missing)} is not a task of this team`)
}

function hopsAfter(cause: TaskRecord | null): number {
  const hops = cause === null ? 0 : cause.hops + 1
  if (hops > limits.hops)
    throw new Problem(
      'hops_exceeded',
      `the task would be hop ${hops} after ${cause?.task.id}; the limit is ${limits.hops}`,
    )
  return hops
}

/** Mode: as asked, else the only profile's first, else worktree with a repository and scratch without. */
function workspaceOf({ workspace, repo }: TaskCreate, { profiles }: Resolved): TaskSpec['workspace'] {
  const fromProfile = profiles.length === 1 ? profiles[0]?.settings.workspaceModes?.[0] : undefined
  const mode = workspace?.mode ?? fromProfile ?? (repo === undefined ? 'scratch' : 'worktree')
  const base = workspace?.base ?? null
  if (repo === undefined && mode !== 'scratch')
    throw new Problem('contradiction', `workspace mode ${mode} needs a repo; name one or use mode scratch`)
  if (mode === 'scratch' && base !== null)
    throw new Problem('contradiction', `workspace base ${JSON.stringify(base)} does not go with mode scratch`)
  for (const { name, settings } of profiles) {
    if (settings.workspaceModes === undefined || settings.workspaceModes.includes(mode)) continue
    const allowed = settings.workspaceModes.join(', ')
    throw new Problem('contradiction', `profile ${name} does not allow workspace mode ${mode}, only ${allowed}`)
  }
  return { mode, scope: workspace?.scope ?? 'attempt', base }
}

/** With several profiles it is known only at the claim which one counts; then the task's own text wins. */
function refuseSameSlug({ context = [] }: TaskCreate, { profiles }: Resolved): void {
  const [only] = profiles.length === 1 ? profiles : []
  const same = context.find(({ slug }) => only?.settings.context?.some((each) => each.slug === slug))
  if (only === undefined || same === undefined) return
  throw new Problem('contradiction', `context ${same.slug} is there twice: in the task and in profile ${only.name}`)
}

/** A profile's own values count where it is the only one allowed; otherwise the daemon applies them when one is chosen. */
function specOf(body: TaskCreate, { profiles }: Resolved, workspace: TaskSpec['workspace']): TaskSpec {
  const only = profiles.length === 1 ? profiles[0]?.settings : undefined
  return {
    title: body.title ?? titleOf(body.prompt),
    prompt: body.prompt,
    input: body.input ?? {},
    model: body.model ?? null,
    thinkingLevel: body.thinkingLevel ?? null,
    autonomy: body.autonomy ?? only?.autonomy ?? 'full',
    workspace,
    checks: body.checks ?? [],
    budgets: body.budgets ?? {},
    // a person ends an interactive run, and its silence is theirs
    runningTimeoutMs:
      body.runningTimeoutMs ?? only?.runningTimeoutMs ?? (body.interactive === true ? 0 : taskTimeouts.runningMs),
    setupTimeoutMs: body.setupTimeoutMs ?? taskTimeouts.setupMs,
    checkTimeoutMs: body.checkTimeoutMs ?? taskTimeouts.checkMs,
    failover: body.failover ?? 'patient',
    onStall: body.onStall ?? 'notify',
    stallTimeoutMs: body.stallTimeoutMs ?? (body.interactive === true ? 0 : defaultStallMs),
    onRateLimit: body.onRateLimit ?? null,
    outputSchema: body.outputSchema ?? null,
    claimCondition: body.claimCondition ?? null,
    continueFrom: null,
    ...(body.hold === true ? { held: true } : {}),
    ...(body.interactive === true ? { interactive: true } : {}),
    context: body.context ?? [],
    attachments: [],
  }
}

/** The prompt's first line that says something. */
export function titleOf(prompt: string): string {
  const line =
    prompt
      .split('\n', 100)
      .find((each) => each.trim() !== '')
      ?.trim() ?? 'task'
  return line.length <= 120 ? line : `${line.slice(0, 119)}…`
}

// Tasks and attempts as they travel: what a person may ask for, and what everyone sees.

import { z } from 'zod'
import type { Condition } from '../core/condition.ts'
import { maxConditions } from '../core/condition.ts'
import type { AttemptReason } from '../core/reason.ts'
import { attemptReasons, retryableReasons } from '../core/reason.ts'
import { taskStates } from '../core/task.ts'
import { attachment, attachmentList, contextBinding, contextList, thinkingLevel } from './context.ts'
import { usage } from './events.ts'
import { durationMs, instant, label, limits, name, slug } from './names.ts'
import { continued, continueFrom } from './session.ts'

export const taskState = z.enum(taskStates)
export const workspaceMode = z.enum(['worktree', 'shared', 'scratch'])
export type WorkspaceMode = z.infer<typeof workspaceMode>
export const autonomy = z.enum(['full', 'edit', 'ask'])
export type Autonomy = z.infer<typeof autonomy>

/** `{op: all | any, conditions}` to depth 4, `{op: task_status}`, `{op: task_accepted}`. */
export const condition: z.ZodType<Condition> = z.lazy(() =>
  z.discriminatedUnion('op', [
    z.strictObject({ op: z.enum(['all', 'any']), conditions: z.array(condition).min(1).max(maxConditions) }),
    z.strictObject({ op: z.literal('task_status'), taskId: z.string(), statuses: z.array(taskState).min(1) }),
    z.strictObject({ op: z.literal('task_accepted'), taskId: z.string() }),
  ]),
)

export const budgets = z.strictObject({
  maxTurns: z.number().int().positive().optional(),
  maxTokens: z.number().int().positive().optional(),
  maxCostUsd: z.number().positive().optional(),
  maxBashTimeouts: z.number().int().positive().optional().describe('For harnesses that report commands that timed out'),
})
export type Budgets = z.infer<typeof budgets>

export const check = z.strictObject({
  name: name.describe('Shown beside the outcome'),
  command: z.string().min(1).max(4_096).describe('Run by sh -c in the workspace'),
})
export type Check = z.infer<typeof check>

export const workspaceRequest = z.strictObject({
  mode: workspaceMode.optional().describe('Default: worktree with a repository, scratch without'),
  scope: z.enum(['attempt', 'session']).optional().describe('Default: attempt'),
  base: z
    .string()
    .min(1)
    .max(250)
    .optional()
    .describe('Branch, tag or commit to start from; default: the checkout’s HEAD'),
})

/** `fast`: when its host is not heard, another fitting host may take the task at once, without the grace. */
export const failover = z.enum(['patient', 'fast'])
/** What the daemon does about an agent that has been silent for `stallTimeoutMs`. */
export const onStall = z.enum(['notify', 'abort', 'fail'])
export const defaultStallMs = 1_800_000
/**
 * What happens when the agent meets a spent quota, or a rate limit that its own retries do not get past. `failover`: the attempt ends and
 * another account, harness or host that the task allows may take it, else it is parked. `park`: it waits for the limit's end. `wait`: a CLI that
 * retries is left alone; once it gives up the task is parked.
 */
export const onRateLimit = z.enum(['wait', 'park', 'failover'])

const retryOn = z.enum(retryableReasons as [AttemptReason, ...AttemptReason[]]) // not empty: a constant table

/** JSON Schema (2020-12, 2019-09 or draft-07) of what the agent hands in. Only `$ref`s into itself. */
export const outputSchema = z.record(z.string(), z.unknown())

/** What `POST /v1/tasks` takes. */
export const taskCreate = z.strictObject({
  prompt: z
    .string()
    .min(1, 'a task needs a prompt')
    .refine((text) => text.trim() !== '', 'a task needs a prompt')
    .describe('What the agent is to do; with harness shell, a script. At most 1 MiB.'),
  title: z.string().min(1).max(200).optional().describe('Default: the prompt’s first line'),
  type: name.optional().describe('Default: freeform'),
  input: z.record(z.string(), z.unknown()).optional().describe('Fields of the task type'),
  repo: slug.optional(),
  role: name.optional(),
  pool: name.optional().describe('Name or id of a pool'),
  daemon: z.string().max(200).optional().describe('Name or id of a daemon: only it may take the task'),
  profiles: z.array(name).max(limits.profiles).optional().describe('Names or ids of allowed profiles; empty: any'),
  harness: name.optional(),
  model: z.string().min(1).max(200).optional(),
  thinkingLevel: thinkingLevel.optional().describe('Default: the profile’s, else the agent CLI’s own'),
  autonomy: autonomy.optional().describe('Default: full'),
  labels: z.array(label).max(limits.labels).optional(),
  priority: z.number().int().min(-1000).max(1000).optional().describe('Higher first; default 0'),
  workspace: workspaceRequest.optional(),
  expect: z
    .enum(['changes', 'output', 'nothing'])
    .optional()
    .describe('What completion needs; default: output with an outputSchema, else nothing'),
  outputSchema: outputSchema.optional().describe('JSON Schema of the output the agent hands in. At most 64 KiB'),
  review: z.enum(['none', 'required']).optional(),
  checks: z
    .array(check)
    .max(limits.checks)
    .optional()
    .describe('Run after the agent; beside those of a trusted .capstan/repo.toml'),
  budgets: budgets.optional(),
  maxAttempts: z.number().int().min(1).max(20).optional().describe('Default 3'),
  retryOn: z.array(retryOn).optional().describe('Agent failures that are tried again'),
  runningTimeoutMs: durationMs.optional().describe('Agent time; 0: none; default 2h'),
  setupTimeoutMs: durationMs.optional().describe('Default 15m'),
  checkTimeoutMs: durationMs.optional().describe('Each check; default 15m'),
  failover: failover.optional().describe('fast: another fitting host need not wait out the grace; default: patient'),
  onStall: onStall.optional().describe('When the agent is silent for stallTimeoutMs; default: notify'),
  stallTimeoutMs: durationMs.optional().describe('Silence that counts as a stall; 0: none; default 30m'),
  onRateLimit: onRateLimit
    .optional()
    .describe('When the agent’s quota is spent or its rate limit lasts; default: the profile’s, else failover'),
  claimCondition: condition.optional(),
  runAt: instant.optional().describe('Not before'),
  expiresAt: instant.optional().describe('Not started by then: expired'),
  correlationId: z.string().min(1).max(200).optional().describe('Ties tasks together'),
  causeId: z.string().max(200).optional().describe('The task that asked for this one'),
  continueFrom: continueFrom.optional().describe('Go on from earlier work: what is not given here is as it was there'),
  hold: z.boolean().optional().describe('Keep it until it is let go'),
  interactive: z.boolean().optional().describe('The agent CLI in a terminal that people join; it ends by finishTask'),
  context: contextList.optional().describe('Texts for its agent, beside those of its profile'),
  attachments: attachmentList.optional().describe('Files for its agent, outside the workspace; upload them first'),
})
export type TaskCreate = z.infer<typeof taskCreate>

/**
 * What an agent may say of a task that it creates. Nothing that runs as a command on a host beside the agent (checks), nothing that
 * reaches around its own task (cause, conditions), and no autonomy: that is its creator's.
 */
export const agentTaskCreate = taskCreate.pick({
  prompt: true,
  title: true,
  type: true,
  input: true,
  repo: true,
  role: true,
  pool: true,
  daemon: true,
  profiles: true,
  harness: true,
  model: true,
  labels: true,
  workspace: true,
  expect: true,
  outputSchema: true,
  review: true,
  budgets: true,
  maxAttempts: true,
  runningTimeoutMs: true,
})
export type AgentTaskCreate = z.infer<typeof agentTaskCreate>

export const checkOutcome = z.object({
  name: z.string(),
  command: z.string(),
  exitCode: z.number().int().nullable().describe('Null: it did not run or was ended by a timeout'),
  durationMs,
  treeId: z.string().nullable().describe('The tree after this check'),
  outputTail: z.string(),
  skipped: z.string().optional().describe('Why it did not run, such as an untrusted repo.toml'),
})
export type CheckOutcome = z.infer<typeof checkOutcome>

/** Facts the daemon computed about the outcome. Shas are null where there is no repository. */
export const evidence = z.object({
  workspaceMode,
  branch: z.string().nullable(),
  baseSha: z.string().nullable(),
  headSha: z.string().nullable().describe('Where the workspace’s HEAD stood at the end'),
  treeId: z.string().nullable().describe('git tree of the final files, untracked included, ignored not'),
  commitsAhead: z.number().int().nonnegative(),
  filesChanged: z.number().int().nonnegative(),
  insertions: z.number().int().nonnegative(),
  deletions: z.number().int().nonnegative(),
  untracked: z.number().int().nonnegative(),
  diffBytes: z.number().int().nonnegative(),
  diffCid: z.string().nullable().describe('The patch’s content id; null when it was withheld, too large or empty'),
  diffWithheld: z.string().nullable().describe('Why the patch is not at the server'),
  pushedRef: z.string().nullable(),
  checks: z.array(checkOutcome),
  checkpointRef: z.string().nullable(),
  checkpointSha: z.string().nullable(),
  changedByChecks: z.boolean().describe('A check changed the tree'),
  nestedRepos: z.array(z.string()).describe('Repositories inside the workspace; their files are not in the tree'),
})
export type Evidence = z.infer<typeof evidence>

export const attemptState = z.enum([
  'preparing',
  'running',
  'completed',
  'failed',
  'aborted',
  'timed_out',
  'lease_expired',
  'cancelled',
])

export const attempt = z.object({
  n: z.number().int(),
  id: z.string(),
  epoch: z.number().int(),
  state: attemptState,
  ownership: z.enum(['held', 'lapsed', 'stopping']).nullable().describe('Null once ended'),
  reason: z.enum(attemptReasons as [AttemptReason, ...AttemptReason[]]).nullable(), // not empty: a constant table
  detail: z.string(),
  daemonId: z.string(),
  daemonName: z.string(),
  harness: z.string().nullable(),
  harnessVersion: z.string().nullable(),
  model: z.string().nullable(),
  profileId: z.string().nullable(),
  profileCid: z.string().nullable(),
  containment: z.string().nullable().describe('How the process tree is held'),
  takesMessages: z.boolean().describe('Its agent takes words right now'),
  startedAt: instant,
  runningAt: instant.nullable(),
  endedAt: instant.nullable(),
  leaseExpiresAt: instant.nullable(),
  lastHeartbeatAt: instant.nullable(),
  lastEventAt: instant.nullable(),
  waitsSince: instant.nullable().describe('Since when it waits for a person; null: it does not'),
  waitedMs: z.number().int().describe('How long it waited for people before; its clocks stood still'),
  stalledSince: instant.nullable().describe('No event since then, and for longer than is usual; null while it speaks'),
  eventCount: z.number().int(),
  exitCode: z.number().int().nullable(),
  signal: z.string().nullable(),
  usage: usage.nullable(),
  costUsd: z.number().nullable(),
  costEstimated: z.boolean().describe('The agent told only its tokens: made of them and a table of prices'),
  evidence: evidence.nullable(),
  output: z.unknown().nullable(),
  outputCid: z.string().nullable(),
  sessionRef: z.string().nullable().describe('The agent’s own id of the conversation'),
  sessionCid: z.string().nullable().describe('The conversation’s files, when the host uploaded them'),
  withheld: z.array(z.string()).describe('What the host’s upload switches kept back'),
  salvage: z
    .array(z.object({ at: instant, kind: z.string(), detail: z.string() }))
    .describe('Late work of a superseded owner'),
})
export type AttemptView = z.infer<typeof attempt>

export const task = z.object({
  id: z.string(),
  teamId: z.string(),
  type: z.string(),
  state: taskState,
  reason: z.string().nullable(),
  detail: z.string(),
  verdict: z.enum(['pending', 'accepted', 'rejected']).nullable(),
  title: z.string(),
  prompt: z.string(),
  input: z.record(z.string(), z.unknown()),
  expect: z.enum(['changes', 'output', 'nothing']),
  outputSchema: outputSchema.nullable(),
  review: z.enum(['none', 'required']),
  repo: z.string().nullable(),
  harness: z.string().nullable(),
  model: z.string().nullable(),
  thinkingLevel: thinkingLevel.nullable(),
  autonomy,
  profiles: z.array(z.string()).describe('Ids'),
  pool: z.string().nullable().describe('Id'),
  daemon: z.string().nullable().describe('Id'),
  role: z.string().nullable(),
  labels: z.array(z.string()),
  priority: z.number().int(),
  workspace: z.object({ mode: workspaceMode, scope: z.enum(['attempt', 'session']), base: z.string().nullable() }),
  checks: z.array(check),
  claimCondition: condition.nullable(),
  runAt: instant.nullable(),
  notBefore: instant.nullable().describe('When a backoff, a quota or grace ends'),
  expiresAt: instant.nullable(),
  continueFrom: continued.nullable(),
  openRequests: z.number().int().describe('Questions and permissions that wait for a person'),
  held: z.boolean().optional().describe('It waits until somebody lets it go'),
  interactive: z.boolean().optional().describe('Its agent runs in a terminal that people join'),
  context: z.array(z.object({ slug: z.string(), binding: contextBinding, bytes: z.number().int() })),
  attachments: z.array(z.object({ ...attachment.shape, bytes: z.number().int() })),
  budgets,
  runningTimeoutMs: durationMs,
  setupTimeoutMs: durationMs,
  checkTimeoutMs: durationMs,
  failover,
  onStall,
  stallTimeoutMs: durationMs,
  onRateLimit: onRateLimit.nullable().describe('Null: as the profile says, else failover'),
  correlationId: z.string().nullable(),
  causeId: z.string().nullable(),
  hops: z.number().int(),
  maxAttempts: z.number().int(),
  retryOn: z.array(z.string()),
  epoch: z.number().int(),
  createdAt: instant,
  createdBy: z.string(),
  queuedAt: instant.nullable(),
  endedAt: instant.nullable(),
  why: z.string().nullable().describe('Why it waits, in words; only on a single task, null while its agent speaks'),
  attempts: z.array(attempt),
})
export type TaskView = z.infer<typeof task>

/** One line of the audit log. */
export const logLine = z.object({
  seq: z.number().int(),
  at: instant,
  actor: z.string(),
  cause: z.string().nullable(),
  type: z.string(),
  data: z.record(z.string(), z.unknown()),
})
export type LogLine = z.infer<typeof logLine>

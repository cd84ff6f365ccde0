// The daemon link: one table of messages for every binding. A daemon asks and is answered; the server sends rows that are acknowledged.
// Frames, as JSON text:  daemon → server  {id, type, body}      server → daemon  {re, body} | {re, problem} | {seq, type, body} | {live, body}

import { z } from 'zod'
import type { AttemptReason } from '../core/reason.ts'
import { attemptReasons } from '../core/reason.ts'
import { attachment, contextEntry, thinkingLevel } from './context.ts'
import { errorClass, numberedEvent, usage } from './events.ts'
import { daemonOffer, loadAverage, profile } from './fleet.ts'
import { durationMs, instant, limits } from './names.ts'
import { continuation } from './session.ts'
import { agentTaskCreate, defaultStallMs, evidence, onRateLimit, onStall, outputSchema, task } from './task.ts'
import { terminalOrder, terminalOutput } from './terminal.ts'

/** The version this build speaks; a server also speaks the one before. */
export const protocolVersion = 1
export const oldestProtocolVersion = 1

/** The claim a message speaks for: every report carries both, and an older epoch is refused. */
const owner = { attemptId: z.string(), epoch: z.number().int().positive() }

/** The part of a task that a daemon needs to run it. */
const taskToRun = z.object({
  ...task.pick({
    id: true,
    type: true,
    title: true,
    prompt: true,
    input: true,
    expect: true,
    repo: true,
    harness: true,
    model: true,
    autonomy: true,
    role: true,
    labels: true,
    workspace: true,
    checks: true,
    budgets: true,
    runningTimeoutMs: true,
    setupTimeoutMs: true,
    checkTimeoutMs: true,
    correlationId: true,
    hops: true,
    createdBy: true,
    interactive: true,
  }).shape,
  // a server of the version before does not send these
  teamId: z.string().optional(),
  onStall: onStall.default('notify'),
  stallTimeoutMs: durationMs.default(defaultStallMs),
  outputSchema: outputSchema.nullable().default(null),
  onRateLimit: onRateLimit.nullable().default(null),
  thinkingLevel: thinkingLevel.nullable().default(null),
  context: z.array(contextEntry).default([]),
  attachments: z.array(attachment).default([]),
})

export const assignment = z.object({
  ...owner,
  n: z.number().int().describe('The attempt’s number'),
  task: taskToRun,
  profile: profile.nullable().describe('As chosen at the claim; null: the built-in default'),
  // a server of the version before does not send it
  continuation: continuation.nullable().default(null).describe('What earlier work is gone on from'),
})
export type Assignment = z.infer<typeof assignment>

/** Where a run stands. `finishing`: the agent ended; capture and checks go on. */
export const phase = z.enum(['preparing', 'running', 'finishing'])

const runReport = z.object({
  ...owner,
  phase,
  harness: z.string().nullable(),
  harnessVersion: z.string().nullable(),
  model: z.string().nullable(),
  containment: z.string().nullable(),
  takesMessages: z.boolean().optional().describe('Its agent takes words while it works'),
  leaseTtlMs: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('How long it may go unheard, as its profile or its host asks'),
})
export type RunReport = z.infer<typeof runReport>

/** One way to answer a request. A daemon of the version before does not say what an option grants. */
export const requestOption = z.object({
  id: z.string(),
  label: z.string(),
  grants: z
    .enum(['allow', 'always', 'deny', 'other'])
    .default('other')
    .describe('`allow` once, `always` in this run or beyond, `deny`; `other`: neither'),
})

/** What every final report says about the run. */
const ending = {
  ...owner,
  at: instant.describe('When it ended, on the host'),
  exitCode: z.number().int().nullable(),
  signal: z.string().nullable(),
  usage: usage.nullable(),
  costUsd: z.number().nullable(),
  costEstimated: z.boolean().optional().describe('Made of the tokens and a table of prices'),
  evidence: evidence.nullable(),
  output: z.unknown().optional(),
  withheld: z.array(z.string()),
  sessionRef: z.string().nullable().describe('The agent’s own id of the conversation'),
  sessionCid: z.string().nullable().optional().describe('Its files, when the host uploaded them'),
}

const reason = z.enum(attemptReasons as [AttemptReason, ...AttemptReason[]]) // not empty: a constant table

export const fromDaemon = {
  register: {
    input: z.object({
      protocol: z.number().int(),
      key: z.string().min(20).max(200).describe('The daemon’s own secret, made once per identity and workspace'),
      bootId: z.string().max(100).describe('New with each start of the daemon'),
      replaces: z
        .string()
        .max(100)
        .nullable()
        .optional()
        .describe('The boot before this one, when the host has proved that it is dead: it may be replaced at once'),
      offer: daemonOffer,
      running: z.array(runReport).describe('“I run X, Y”'),
    }),
    reply: z.object({
      daemonId: z.string(),
      teamId: z.string(),
      protocol: z.number().int(),
      serverVersion: z.string(),
      serverTime: instant,
      leaseTtlMs: z.number().int(),
      heartbeatIntervalMs: z.number().int(),
      kept: z.array(z.string()).describe('Attempts of `running` that are still this daemon’s'),
      lost: z.array(z.object({ attemptId: z.string(), detail: z.string() })).describe('Stop these and salvage'),
      cancelled: z.array(z.string()).describe('Still owned, but their task was cancelled: stop and report'),
      assigned: z.array(assignment).describe('“You own Z”: granted, but not in `running`'),
      requests: z
        .array(z.object({ attemptId: z.string(), requestId: z.string() }))
        .optional()
        .describe('Those that stand open here for `running`; a server of the version before does not say'),
    }),
  },
  heartbeat: {
    input: z.object({
      runs: z.array(runReport),
      draining: z.boolean(),
      freeDiskBytes: z.number().nullable(),
      freeMemoryBytes: z.number().nullable(),
      loadAverage,
    }),
    reply: z.object({
      renewed: z.array(z.string()),
      lost: z.array(z.object({ attemptId: z.string(), detail: z.string() })),
      cancelled: z.array(z.string()),
      draining: z.boolean(),
    }),
  },
  /** Held by the server until there is work or `waitMs` is over. A newer claim of the same daemon replaces the older, which is answered empty. */
  claim: {
    input: z.object({
      max: z.number().int().min(1).max(100),
      waitMs: z.number().int().min(0).max(60_000),
      taskId: z.string().nullable().describe('Only this task (daemon once)'),
      correlationId: z.string().max(200).nullable().optional().describe('Only tasks that carry it'),
    }),
    reply: z.object({ assignments: z.array(assignment) }),
  },
  events: {
    input: z.object({ ...owner, events: z.array(numberedEvent).min(1).max(limits.eventsPerBatch) }),
    reply: z.object({
      next: z
        .number()
        .int()
        .describe('The seq the server expects next; less than what was sent: send again from there'),
    }),
  },
  result: { input: z.object(ending), reply: z.object({ taskState: z.string() }) },
  fail: {
    input: z.object({
      ...ending,
      reason,
      detail: z.string().max(4_000),
      class: errorClass.nullable(),
      resetAt: instant.nullable().describe('When a spent quota returns'),
      stays: z.boolean().optional().describe('With a spent quota: the task is parked, not sent elsewhere'),
    }),
    reply: z.object({ taskState: z.string() }),
  },
  abort: {
    input: z.object({ ...ending, detail: z.string().max(4_000) }),
    reply: z.object({ taskState: z.string() }),
  },
  request: {
    input: z.object({
      ...owner,
      requestId: z.string(),
      kind: z.enum(['permission', 'question']),
      title: z.string().max(500),
      body: z.record(z.string(), z.unknown()),
      options: z.array(requestOption),
      openForMs: durationMs.describe('How long a person has, from when the server hears of it'),
    }),
    reply: z.object({}),
  },
  /** The agent took a request back, or the host denied it by its own clock. */
  withdraw: {
    input: z.object({ ...owner, requestId: z.string(), expired: z.boolean().optional() }),
    reply: z.object({}),
  },
  salvage: {
    input: z.object({
      ...owner,
      kind: z.enum(['events', 'checkpoint', 'result']),
      detail: z.string().max(4_000),
      evidence: evidence.nullable(),
      events: z.array(numberedEvent).max(limits.eventsPerBatch),
    }),
    reply: z.object({}),
  },
  /** The agent of a running attempt asks for another task. The same key again is the same task. */
  create_task: {
    input: z.object({ ...owner, key: z.string().min(1).max(150), task: agentTaskCreate }),
    reply: z.object({ id: z.string(), title: z.string(), state: z.string(), hops: z.number().int() }),
  },
  terminal: terminalOutput,
  /** Words for an agent that were acknowledged, and that it ended without reading: they become the session's next message. */
  unsaid: { input: z.object({ ...owner, seq: z.number().int() }), reply: z.object({}) },
  ack: {
    input: z.object({
      seq: z.number().int(),
      unsaid: z.boolean().optional().describe('Words that came too late for their agent; as the message `unsaid`'),
    }),
    reply: z.object({}),
  },
} as const

/** Rows per daemon with a seq, re-sent until acknowledged. */
export const fromServer = {
  assigned: z.object({ assignment }),
  cancel: z.object(owner),
  answer: z.object({
    requestId: z.string(),
    attemptId: z.string(),
    optionId: z.string().nullable(),
    text: z.string().nullable(),
    by: z.string(),
  }),
  message: z.object({ attemptId: z.string(), text: z.string(), by: z.string() }),
  drain: z.object({ on: z.boolean() }),
  /** A person ends an interactive run. */
  finish: z.object({ attemptId: z.string(), by: z.string() }),
} as const

export type FromDaemon = keyof typeof fromDaemon
export type FromDaemonBody<T extends FromDaemon> = z.infer<(typeof fromDaemon)[T]['input']>
export type FromDaemonReply<T extends FromDaemon> = z.infer<(typeof fromDaemon)[T]['reply']>
export type FromServer = keyof typeof fromServer
export type FromServerBody<T extends FromServer> = z.infer<(typeof fromServer)[T]>

export const requestFrame = z.object({ id: z.number().int(), type: z.string(), body: z.unknown() })
export const serverFrame = z.union([
  z.object({ re: z.number().int(), body: z.unknown() }),
  z.object({ re: z.number().int(), problem: z.object({ code: z.string(), detail: z.string() }) }),
  z.object({ seq: z.number().int(), type: z.string(), body: z.unknown() }),
  // not kept and not sent again
  z.object({ live: z.literal('terminal'), body: terminalOrder }),
])
export type ServerFrame = z.infer<typeof serverFrame>

// Going on from earlier work: what a task says of it, what the daemon gets, and sessions as they travel.

import { z } from 'zod'
import { instant } from './names.ts'

const continueMode = z.enum(['extend', 'fork'])

/** What a person asks. */
export const continueFrom = z.strictObject({
  task: z.string().max(64).describe('The task whose work and conversation are gone on from'),
  mode: continueMode.describe(
    'extend: the same branch and conversation; fork: a new branch and a copy of the conversation',
  ),
  handoff: z
    .boolean()
    .optional()
    .describe('Where the conversation cannot be resumed: start a fresh one with a written summary, and say so'),
})

/** As it is kept: `task` is the last one of the chain when this was asked. */
export const continued = z.object({
  task: z.string(),
  mode: continueMode,
  handoff: z.boolean(),
})
export type Continued = z.infer<typeof continued>

/** What a daemon needs to go on from an earlier attempt. */
export const continuation = z.object({
  mode: continueMode,
  handoff: z.boolean(),
  taskId: z.string(),
  attemptId: z.string(),
  daemonId: z.string().describe('Where that attempt ran'),
  harness: z.string().nullable(),
  sessionRef: z.string().nullable(),
  sessionCid: z.string().nullable().describe('The conversation’s files, when that host uploaded them'),
  branch: z.string().nullable(),
  baseSha: z.string().nullable().describe('Where that work began'),
  headSha: z.string().nullable(),
  treeId: z.string().nullable().describe('The tree as it was left: a difference is told'),
  checkpointRef: z.string().nullable(),
  checkpointSha: z.string().nullable(),
  diffCid: z.string().nullable(),
  summary: z.string().describe('What was asked and what the agent said last, for a handoff'),
})
export type Continuation = z.infer<typeof continuation>

/** A conversation that outlives attempts. Its id is that of its first task. */
export const session = z.object({
  id: z.string(),
  correlationId: z.string().nullable(),
  repo: z.string().nullable(),
  harness: z.string().nullable(),
  daemonId: z.string().describe('Where it lives'),
  daemonName: z.string(),
  sessionRef: z.string().describe('The agent’s own id of the conversation'),
  sessionCid: z.string().nullable().describe('Null: only that host has it'),
  branch: z.string().nullable(),
  state: z.enum(['idle', 'busy', 'closed']),
  tasks: z.number().int(),
  lastTaskId: z.string(),
  title: z.string().describe('Of its first task'),
  createdAt: instant,
  updatedAt: instant,
  closedAt: instant.nullable(),
  resumableUntil: instant.nullable().describe('As its profile’s sessionTtlMs says; null: no limit, or it is busy'),
})
export type SessionView = z.infer<typeof session>

// The board, the figures and the jobs as they travel: small views of tasks and attempts, made for looking at many.

import { z } from 'zod'
import { boardGroups } from '../core/board.ts'
import { instant } from './names.ts'
import { attemptState, taskState } from './task.ts'

export const boardGroup = z.enum(boardGroups)

/** An attempt in one line. */
export const cardAttempt = z.object({
  n: z.number().int(),
  id: z.string(),
  state: attemptState,
  reason: z.string().nullable(),
  daemonId: z.string(),
  daemonName: z.string(),
  harness: z.string().nullable(),
  model: z.string().nullable(),
  startedAt: instant,
  endedAt: instant.nullable(),
  lastEventAt: instant.nullable(),
  stalledSince: instant.nullable(),
  eventCount: z.number().int(),
  tokens: z.number().int().nullable().describe('Read and written, caches included'),
  costUsd: z.number().nullable(),
  filesChanged: z.number().int().nullable(),
  insertions: z.number().int().nullable(),
  deletions: z.number().int().nullable(),
  checksPassed: z.number().int(),
  checksFailed: z.number().int(),
})
export type CardAttempt = z.infer<typeof cardAttempt>

/** A task on the board. */
export const card = z.object({
  id: z.string(),
  group: boardGroup,
  state: taskState,
  reason: z.string().nullable(),
  detail: z.string().describe('At most 300 characters'),
  verdict: z.enum(['pending', 'accepted', 'rejected']).nullable(),
  why: z.string().nullable().describe('Why it is not at work, in words'),
  title: z.string(),
  repo: z.string().nullable(),
  harness: z.string().nullable(),
  labels: z.array(z.string()),
  priority: z.number().int(),
  openRequests: z.number().int(),
  createdAt: instant,
  createdBy: z.string(),
  queuedAt: instant.nullable(),
  notBefore: instant.nullable(),
  endedAt: instant.nullable(),
  attempts: z.number().int(),
  attempt: cardAttempt.nullable().describe('The last one'),
})
export type Card = z.infer<typeof card>

export const boardColumn = z.object({
  group: boardGroup,
  count: z.number().int(),
  items: z.array(card),
  nextCursor: z.string().nullable().describe('For more of this group; null: these are all'),
})
export type BoardColumn = z.infer<typeof boardColumn>

/** An attempt with its task's name: what a host does and did. */
export const job = z.object({
  ...cardAttempt.shape,
  taskId: z.string(),
  title: z.string(),
  repo: z.string().nullable(),
})
export type Job = z.infer<typeof job>

const bucket = z.object({
  at: instant.describe('When the span begins'),
  waiting: z.number().int().describe('Tasks that had not started at the end of the span'),
  started: z.number().int(),
  startP50Ms: z.number().nullable().describe('From creation to the first attempt, median'),
  startP95Ms: z.number().nullable(),
  tokens: z.number(),
  costUsd: z.number(),
})
export const stats = z.object({
  since: instant,
  bucketMs: z.number().int(),
  buckets: z.array(bucket),
  outcomes: z
    .array(z.object({ state: attemptState, reason: z.string().nullable(), n: z.number().int() }))
    .describe('Attempts that ended since then'),
})
export type Stats = z.infer<typeof stats>

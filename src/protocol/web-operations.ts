// Operations for looking at many things at once and acting on several: what the page is made of, and any script may use.

import { z } from 'zod'
import { auditLine } from './audit.ts'
import { boardColumn, boardGroup, job, stats } from './board.ts'
import { cursor, limits, name, page, pageQuery, slug } from './names.ts'
import type { Operation } from './operation.ts'
import { teamStreamPath } from './paths.ts'

export const webOperations = {
  getBoard: {
    method: 'GET',
    path: '/v1/board',
    scope: 'user',
    tag: 'tasks',
    summary:
      'The board: tasks by where they stand, with counts. What ended is left out when it was made more than `days` ago',
    query: z.strictObject({
      group: z.union([z.array(boardGroup), boardGroup.transform((one) => [one])]).optional(),
      text: z.string().max(200).optional().describe('In title or prompt, or the task’s id'),
      repo: slug.optional(),
      harness: name.optional(),
      pool: name.optional().describe('Name or id'),
      daemon: z.string().max(200).optional().describe('Name or id of a daemon that ran it'),
      label: z.string().max(128).optional(),
      createdBy: z.string().max(200).optional().describe('As the task says it: user:NAME'),
      days: z.coerce.number().int().min(1).max(365).optional().describe('Default 30; by their creation'),
      cursor: cursor.optional().describe('Of one group: name it'),
      limit: z.coerce.number().int().min(1).max(limits.pageSize).optional().describe('Of each group; default 30'),
    }),
    answer: 'json',
    output: z.object({ columns: z.array(boardColumn) }),
  },
  changeTasks: {
    method: 'POST',
    path: '/v1/tasks/change',
    scope: 'user',
    tag: 'tasks',
    summary: 'Cancel, retry, accept or reject several tasks; each by itself, refusals are named',
    body: z.strictObject({
      action: z.enum(['cancel', 'retry', 'accept', 'reject']),
      ids: z.array(z.string()).min(1).max(limits.pageSize),
      message: z.string().max(4_000).optional(),
    }),
    answer: 'json',
    output: z.object({
      changed: z.array(z.string()),
      refused: z.array(z.object({ id: z.string(), code: z.string(), detail: z.string() })),
    }),
  },
  listJobs: {
    method: 'GET',
    path: '/v1/jobs',
    scope: 'user',
    tag: 'fleet',
    summary: 'Attempts across tasks, newest first: what hosts do, and what they did',
    query: z.strictObject({
      ...pageQuery.shape,
      state: z.enum(['active', 'ended']).optional(),
      daemon: z.string().max(200).optional().describe('Name or id'),
    }),
    answer: 'json',
    output: page(job),
  },
  getStats: {
    method: 'GET',
    path: '/v1/stats',
    scope: 'user',
    tag: 'fleet',
    summary: 'Queue, start latency, outcomes, tokens and cost over the last days',
    query: z.strictObject({ days: z.coerce.number().int().min(1).max(90).optional().describe('Default 7') }),
    answer: 'json',
    output: stats,
  },
  listAudit: {
    method: 'GET',
    path: '/v1/audit',
    scope: 'admin',
    role: 'manager',
    tag: 'identity',
    summary: 'Who changed what, newest first: every call that changed something but the making of tasks',
    query: z.strictObject({
      ...pageQuery.shape,
      actor: z.string().max(200).optional().describe('As a line says it: user:NAME, daemon:NAME'),
      operation: z.string().max(64).optional(),
      target: z.string().max(200).optional().describe('As a line says it: an id or a name'),
      with: z
        .enum(['tasks'])
        .optional()
        .describe('tasks: also who made which task and, with a task as target, all that its own log tells'),
    }),
    answer: 'json',
    output: page(auditLine),
  },
  followTeam: {
    method: 'GET',
    path: teamStreamPath,
    scope: 'user',
    tag: 'tasks',
    summary:
      'What changes in the team. SSE: `event: ready` when it listens (read everything again), `event: changed` with the ids of tasks that changed or have new events',
    answer: 'events',
    output: z.object({
      tasks: z.array(z.string()).describe('Changed'),
      events: z.array(z.string()).describe('Have new transcript events'),
      fleet: z.boolean().describe('A host came, went or changed'),
      all: z.boolean().describe('More than can be named: read everything again'),
    }),
  },
} as const satisfies Record<string, Operation>

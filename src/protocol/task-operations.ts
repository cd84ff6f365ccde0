// Operations on tasks and their transcripts.

import { z } from 'zod'
import { transcriptEvent } from './events.ts'
import { cursor, name, page, pageQuery, slug } from './names.ts'
import type { Operation } from './operation.ts'
import { logLine, task, taskCreate, taskState } from './task.ts'

const message = z.strictObject({ message: z.string().max(4_000).optional() })
const attemptQuery = z.strictObject({
  attempt: z.coerce.number().int().positive().optional().describe('Default: the last attempt'),
})

/** A repeatable query parameter: `?state=queued&state=running`. */
function many<T extends z.ZodType>(item: T) {
  return z.union([z.array(item), item.transform((one) => [one])])
}

export const taskOperations = {
  createTask: {
    method: 'POST',
    path: '/v1/tasks',
    scope: 'user',
    tag: 'tasks',
    summary: 'Give work. Answered only when it is durable',
    body: taskCreate,
    answer: 'json',
    output: task,
    status: 201,
    idempotent: true,
  },
  listTasks: {
    method: 'GET',
    path: '/v1/tasks',
    scope: 'user',
    tag: 'tasks',
    summary: 'Tasks, newest first',
    query: z.strictObject({
      ...pageQuery.shape,
      state: many(taskState).optional(),
      repo: slug.optional(),
      harness: name.optional(),
      daemon: z.string().optional(),
      label: z.string().optional(),
      correlationId: z.string().optional(),
    }),
    answer: 'json',
    output: page(task),
  },
  getTask: {
    method: 'GET',
    path: '/v1/tasks/:id',
    scope: 'user',
    tag: 'tasks',
    summary: 'One task, with why it waits',
    answer: 'json',
    output: task,
  },
  listEvents: {
    method: 'GET',
    path: '/v1/tasks/:id/events',
    scope: 'user',
    tag: 'tasks',
    summary: 'The transcript, oldest first',
    query: z.strictObject({
      attempt: z.coerce.number().int().positive().optional().describe('Default: all attempts'),
      cursor: cursor.optional().describe('`attempt.seq` of the last event read'),
      limit: z.coerce.number().int().min(1).max(1_000).optional(),
    }),
    answer: 'json',
    output: page(transcriptEvent),
  },
  followTask: {
    method: 'GET',
    path: '/v1/tasks/:id/stream',
    scope: 'user',
    tag: 'tasks',
    summary:
      'The transcript as it happens. SSE: `event: transcript` with id `attempt.seq`, `event: task`, `event: end`',
    answer: 'events',
    output: transcriptEvent,
  },
  getTaskLog: {
    method: 'GET',
    path: '/v1/tasks/:id/log',
    scope: 'user',
    tag: 'tasks',
    summary: 'What happened to the task, oldest first: actor, time and cause of each change',
    query: pageQuery,
    answer: 'json',
    output: page(logLine),
  },
  getTaskDiff: {
    method: 'GET',
    path: '/v1/tasks/:id/diff',
    scope: 'user',
    tag: 'tasks',
    summary: 'What an attempt changed, as a patch',
    query: attemptQuery,
    answer: 'patch',
  },
  cancelTask: {
    method: 'POST',
    path: '/v1/tasks/:id/cancel',
    scope: 'user',
    tag: 'tasks',
    summary: 'End a task for good',
    body: message,
    mcp: 'destructive',
    answer: 'json',
    output: task,
  },
  finishTask: {
    method: 'POST',
    path: '/v1/tasks/:id/finish',
    scope: 'user',
    tag: 'tasks',
    summary: 'End the agent of an interactive task; its work is captured and the task is done',
    body: z.strictObject({}),
    answer: 'json',
    output: task,
  },
  retryTask: {
    method: 'POST',
    path: '/v1/tasks/:id/retry',
    scope: 'user',
    tag: 'tasks',
    summary: 'Run a failed or rejected task again from base, or one that a spent quota parks now',
    body: z.strictObject({}),
    answer: 'json',
    output: task,
  },
  acceptTask: {
    method: 'POST',
    path: '/v1/tasks/:id/accept',
    scope: 'user',
    tag: 'tasks',
    summary: 'Accept a completed task',
    body: message,
    answer: 'json',
    output: task,
  },
  rejectTask: {
    method: 'POST',
    path: '/v1/tasks/:id/reject',
    scope: 'user',
    tag: 'tasks',
    summary: 'Reject a completed task',
    body: message,
    answer: 'json',
    output: task,
  },
} as const satisfies Record<string, Operation>

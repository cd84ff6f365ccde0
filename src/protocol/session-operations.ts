// Operations on sessions and on the messages that wait for an agent.

import { z } from 'zod'
import { name, page, pageQuery } from './names.ts'
import type { Operation } from './operation.ts'
import { session } from './session.ts'
import { attemptState, task } from './task.ts'

/** The host’s own secret: it speaks for its conversations alone. */
const daemonKey = z.string().min(20).max(200)

const prompt = z
  .string()
  .min(1, 'a message needs words')
  .refine((text) => text.trim() !== '', 'a message needs words')

export const sessionOperations = {
  sendMessage: {
    method: 'POST',
    path: '/v1/tasks/:id/messages',
    scope: 'user',
    tag: 'sessions',
    summary:
      'Say something to a task’s agent: at once where it takes words at work, else as the next task of its session, in order',
    body: z.strictObject({
      text: prompt,
      now: z.boolean().optional().describe('To the agent at work; refused where it takes no words or is not at work'),
      hold: z.boolean().optional().describe('Keep it until it is let go'),
    }),
    answer: 'json',
    output: z.object({
      delivered: z.enum(['now', 'queued']),
      task: task.describe('The running one, or the one that was made for the message'),
    }),
    status: 201,
    idempotent: true,
  },
  listMessages: {
    method: 'GET',
    path: '/v1/tasks/:id/messages',
    scope: 'user',
    tag: 'sessions',
    summary: 'What waits to be said in a task’s session, in order',
    answer: 'json',
    output: z.object({ items: z.array(task) }),
  },
  editMessage: {
    method: 'POST',
    path: '/v1/tasks/:id/prompt',
    scope: 'user',
    tag: 'sessions',
    summary: 'Other words for a task that still waits',
    body: z.strictObject({ text: prompt }),
    answer: 'json',
    output: task,
  },
  sayMessage: {
    method: 'POST',
    path: '/v1/tasks/:id/now',
    scope: 'user',
    tag: 'sessions',
    summary: 'Say a message that waits to the agent at work; it is then no task of its own any more',
    body: z.strictObject({}),
    answer: 'json',
    output: z.object({ delivered: z.literal('now'), task: task.describe('The one whose agent was told') }),
  },
  holdTask: {
    method: 'POST',
    path: '/v1/tasks/:id/hold',
    scope: 'user',
    tag: 'sessions',
    summary: 'Hold a task that waits, or let it go',
    body: z.strictObject({ on: z.boolean() }),
    answer: 'json',
    output: task,
  },
  listSessions: {
    method: 'GET',
    path: '/v1/sessions',
    scope: 'user',
    tag: 'sessions',
    summary: 'Conversations that can be gone on with, the latest first',
    query: pageQuery,
    answer: 'json',
    output: page(session),
  },
  getSession: {
    method: 'GET',
    path: '/v1/sessions/:id',
    scope: 'user',
    tag: 'sessions',
    summary: 'One session, by the id of any of its tasks',
    answer: 'json',
    output: session,
  },
  closeSession: {
    method: 'POST',
    path: '/v1/sessions/:id/close',
    scope: 'user',
    tag: 'sessions',
    summary: 'Take no more tasks into a session',
    body: z.strictObject({}),
    answer: 'json',
    output: session,
  },
  listUnsyncedSessions: {
    method: 'POST',
    path: '/v1/sync/sessions',
    scope: 'daemon',
    tag: 'sessions',
    summary: 'Conversations of a host that are not at the server, the newest first',
    body: z.strictObject({
      key: daemonKey,
      states: z.array(attemptState).max(20).optional().describe('Of the attempt; default: any that ended'),
      profile: name.optional().describe('Only of attempts with this profile'),
      limit: z.number().int().min(1).max(1_000).optional().describe('Default 100'),
    }),
    mcp: false,
    answer: 'json',
    output: z.object({
      items: z.array(
        z.object({
          attemptId: z.string(),
          taskId: z.string(),
          n: z.number().int(),
          state: z.string(),
          harness: z.string().nullable(),
          sessionRef: z.string(),
        }),
      ),
    }),
  },
  attachSession: {
    method: 'POST',
    path: '/v1/sync/sessions/attach',
    scope: 'daemon',
    tag: 'sessions',
    summary: 'Say that the conversation of an attempt is at the server now',
    body: z.strictObject({
      key: daemonKey,
      attemptId: z.string(),
      sessionCid: z.string().regex(/^sha256-[0-9a-f]{64}$/),
    }),
    mcp: false,
    answer: 'json',
    output: z.object({ attached: z.literal(true) }),
  },
} as const satisfies Record<string, Operation>

// Requests: what agents ask of people, and how it is answered.

import { z } from 'zod'
import { requestOption } from './link.ts'
import { instant, page, pageQuery } from './names.ts'
import type { Operation } from './operation.ts'

export const requestState = z
  .enum(['open', 'answered', 'expired', 'withdrawn', 'closed'])
  .describe('`expired`: denied, as nobody answered; `withdrawn`: the agent took it back; `closed`: its attempt ended')

export const request = z.object({
  id: z.string(),
  taskId: z.string(),
  attemptId: z.string(),
  daemonId: z.string(),
  kind: z.enum(['permission', 'question']),
  title: z.string().describe('One line: the command, the path, the question'),
  body: z.record(z.string(), z.unknown()).describe('What exactly is asked, as the agent gave it; at most 64 KiB'),
  options: z.array(requestOption).describe('Empty: answered in words'),
  state: requestState,
  createdAt: instant,
  expiresAt: instant.describe('Then it is denied'),
  answer: z
    .object({ optionId: z.string().nullable(), text: z.string().nullable(), by: z.string(), at: instant })
    .nullable(),
})
export type RequestView = z.infer<typeof request>

export const requestAnswer = z.strictObject({
  optionId: z.string().min(1).max(500).optional().describe('One of the request’s options'),
  text: z.string().max(32_768).optional().describe('The answer in words, or a word beside the option'),
})

const stateQuery = z.union([requestState, z.literal('any')])

export const requestOperations = {
  listRequests: {
    method: 'GET',
    path: '/v1/requests',
    scope: 'user',
    tag: 'requests',
    summary: 'What agents ask of people, oldest first; without `state` those that are open',
    query: z.strictObject({
      ...pageQuery.shape,
      task: z.string().max(100).optional(),
      state: stateQuery.optional(),
    }),
    answer: 'json',
    output: page(request),
  },
  getRequest: {
    method: 'GET',
    path: '/v1/requests/:id',
    scope: 'user',
    tag: 'requests',
    summary: 'One request',
    answer: 'json',
    output: request,
  },
  answerRequest: {
    method: 'POST',
    path: '/v1/requests/:id/answer',
    scope: 'user',
    tag: 'requests',
    summary: 'Answer a request, once. The daemon hears it now, or when it is back',
    body: requestAnswer,
    mcp: 'destructive',
    answer: 'json',
    output: request,
  },
  listTaskRequests: {
    method: 'GET',
    path: '/v1/tasks/:id/requests',
    scope: 'user',
    tag: 'requests',
    summary: 'All requests of a task, oldest first',
    query: pageQuery,
    answer: 'json',
    output: page(request),
  },
} as const satisfies Record<string, Operation>

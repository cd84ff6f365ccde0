// The shapes of names, ids, times and sizes that travel: one place, so that CLI, REST and link refuse the same things.

import { z } from 'zod'

/** Sizes and counts that a request may have. */
export const limits = {
  /** A prompt longer than this belongs in a file of the repository; agents' own limits are lower. */
  promptBytes: 1_048_576,
  /** A REST body. The prompt plus room for the rest. */
  bodyBytes: 2_097_152,
  /** A frame of the daemon link. */
  frameBytes: 1_048_576,
  eventsPerBatch: 50,
  profiles: 16,
  labels: 32,
  checks: 16,
  hops: 8,
  /** Tasks that the agents of one task may create. */
  agentTasks: 50,
  outputSchemaBytes: 65_536,
  /** What an agent hands in, as JSON: it travels in one frame with the evidence. */
  outputBytes: 262_144,
  pageSize: 200,
  /** One piece of context, and how many a profile or a task may have: all of them stay well below a body. */
  contextBytes: 65_536,
  contexts: 16,
  attachments: 16,
  /** One attached file. */
  attachmentBytes: 10_485_760,
  /** A diff larger than this stays on the host, and the evidence says so. */
  diffBytes: 20_971_520,
} as const

const slugRule = /^[a-z0-9](?:[a-z0-9._/-]*[a-z0-9])?$/i

export const slug = z
  .string()
  .min(1)
  .max(200)
  .regex(slugRule, 'letters, digits, dots, dashes, underscores and slashes; begins and ends with a letter or digit')
export const name = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[a-z0-9][a-z0-9._-]*$/i, 'letters, digits, dots, dashes and underscores; begins with a letter or digit')
export const label = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[\w.:/=+@-]+$/, 'letters, digits and . : / = + @ - _')
export const instant = z.number().int().nonnegative().describe('Milliseconds since the epoch')
export const durationMs = z.number().int().nonnegative().describe('Milliseconds')
export const cursor = z.string().max(500)

/** One page of a list. */
export function page<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable().describe('Null on the last page') })
}

export const pageQuery = z.strictObject({
  cursor: cursor.optional(),
  limit: z.coerce.number().int().min(1).max(limits.pageSize).optional(),
})

// The audit log as it travels.

import { z } from 'zod'
import { instant } from './names.ts'

/** One call that changed something, or one entry of a task's own log. Bodies are not kept: they may hold prompts and secrets. */
export const auditLine = z.object({
  seq: z.number().int().describe('Counts lines of its source'),
  source: z.enum(['call', 'task']).default('call').describe('task: of the tasks themselves, told on request'),
  at: instant,
  actor: z.string().describe('user:NAME, daemon:NAME or server'),
  operation: z.string().describe('As /openapi.json calls it; of a task’s log: what happened'),
  target: z.string().nullable().describe('The id or name in its path, else the id of what it made'),
  detail: z
    .record(z.string(), z.unknown())
    .nullable()
    .default(null)
    .describe('What was asked for, of fields that hold neither prompts nor secrets'),
  address: z.string().nullable().default(null).describe('Where the call came from'),
  unfinished: z.boolean().optional().describe('The server ended before it knew whether this was done'),
})
export type AuditLine = z.output<typeof auditLine>

// The audit log as it travels.

import { z } from 'zod'
import { instant } from './names.ts'

/** One call that changed something. Bodies are not kept: they may hold prompts and secrets. */
export const auditLine = z.object({
  seq: z.number().int(),
  at: instant,
  actor: z.string().describe('user:NAME, daemon:NAME or server'),
  operation: z.string().describe('As /openapi.json calls it'),
  target: z.string().nullable().describe('The id or name in its path, else the id of what it made'),
})
export type AuditLine = z.infer<typeof auditLine>

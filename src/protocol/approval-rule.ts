// A rule for a command that needs nobody's leave, as profiles write it.

import { z } from 'zod'

/** See docs/approvals.md; core/approval.ts applies it. */
export const approvalRule = z.strictObject({
  executable: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[^\s=]+$/, 'a program as the agent writes it, without spaces')
    .describe('Exactly as the agent writes it: git is not /usr/bin/git'),
  argsPrefix: z.array(z.string().max(200)).max(32).optional().describe('The first arguments, exactly'),
  argsExcludes: z
    .array(z.string().min(1).max(200))
    .max(32)
    .optional()
    .describe('Arguments that must not occur, in any spelling'),
})

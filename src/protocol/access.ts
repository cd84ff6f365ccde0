// Who may do what: scopes of tokens, roles of accounts, members of a team, as they travel.

import { z } from 'zod'
import { roles } from '../core/role.ts'
import { instant, name } from './names.ts'

export const scope = z.enum(['daemon', 'user', 'admin'])
export type Scope = z.infer<typeof scope>

export const role = z
  .enum(roles)
  .describe(
    'viewer: looks; member: tasks, answers, sessions; manager: profiles, pools, models, hosts; owner: members and tokens',
  )
export const accountKind = z.enum(['user', 'service'])
export type AccountKind = z.infer<typeof accountKind>

/** Names of accounts stand in the audit list and in pools: no spaces, nothing that a terminal would act on. */
const accountName = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[\p{L}\p{N}][\p{L}\p{N}._@+-]*$/u, 'letters, digits and . _ @ + -; begins with a letter or digit')

export const member = z.object({
  id: z.string(),
  name: z.string(),
  kind: accountKind,
  role,
  createdAt: instant,
  createdBy: z.string(),
  tokens: z.number().int().describe('Valid ones, without signed-in browsers'),
  lastUsedAt: instant.nullable(),
})
export type MemberView = z.infer<typeof member>

export const memberCreate = z.strictObject({
  name: accountName,
  kind: accountKind.optional().describe('Default: user, a person'),
  role: role.optional(),
})
export const memberChange = z.strictObject({ role })
export const invitation = z.object({
  path: z.string().describe('A link that signs in once: the server’s address and this'),
  expiresAt: instant,
})

export const tokenCreate = z.strictObject({
  name: z.string().min(1).max(100),
  scopes: z.array(scope).min(1),
  account: z
    .string()
    .max(100)
    .optional()
    .describe('Name or id of the account it is for; default: the one of the token’s name, made when there is none'),
  team: name.optional().describe('Name or id; default: the caller’s team; another team needs admin'),
  expiresAt: instant.optional(),
})
export const token = z.object({
  id: z.string(),
  name: z.string(),
  teamId: z.string(),
  scopes: z.array(scope),
  account: z.string().nullable().describe('Name of the account it is for'),
  role: role.describe('That of its account'),
  createdAt: instant,
  createdBy: z.string(),
  expiresAt: instant.nullable(),
  lastUsedAt: instant.nullable(),
})
export type TokenView = z.infer<typeof token>
export const tokenOnce = z.object({ ...token.shape, secret: z.string().describe('cap_…, shown this once') })

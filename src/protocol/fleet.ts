// Hosts and who may use them, as they travel: daemons, repositories, pools, profiles, teams, tokens.

import { z } from 'zod'
import { durationMs, instant, label, name, slug } from './names.ts'
import { autonomy, workspaceMode } from './task.ts'

export const harnessFound = z.object({
  name: z.string(),
  version: z.string().nullable(),
  ready: z.boolean().describe('Installed, new enough and signed in'),
  problem: z.string().nullable().describe('What is missing, with the remedy'),
  explicit: z.boolean().optional().describe('Runs only where it is named: shell'),
})
export type HarnessFound = z.infer<typeof harnessFound>

export const offeredRepo = z.object({
  slug,
  problem: z.string().nullable().describe('Why it cannot be used right now; null: it can'),
})

/** What a daemon tells of itself at registration. Paths stay on the host. */
export const daemonOffer = z.object({
  hostId: z.string().max(200),
  name: z.string().min(1).max(200),
  version: z.string().max(100),
  platform: z.string().max(100).describe('For example linux-x64'),
  pid: z.number().int(),
  identity: z.string().max(64),
  pool: name.nullable().describe('Name or id'),
  roles: z.array(name),
  repos: z.array(offeredRepo),
  harnesses: z.array(harnessFound).describe('The host’s order of preference; the first ready one is the default'),
  profiles: z.array(name).describe('Names or ids, in priority order; empty: the built-in default'),
  labels: z.array(label),
  types: z.array(name).describe('Task types it takes; empty: all'),
  only: z.record(z.string(), z.string()),
  maxAgents: z.number().int().min(1).max(1000),
  freeDiskBytes: z.number().nullable(),
  freeMemoryBytes: z.number().nullable(),
  shortOf: z.string().nullable().optional().describe('Why it takes no work right now for lack of disk'),
})
export type DaemonOffer = z.infer<typeof daemonOffer>

export const daemon = z.object({
  id: z.string(),
  teamId: z.string(),
  hostId: z.string(),
  name: z.string(),
  version: z.string(),
  platform: z.string(),
  identity: z.string(),
  pool: z.string().nullable().describe('Id'),
  roles: z.array(z.string()),
  repos: z.array(offeredRepo),
  harnesses: z.array(harnessFound),
  profiles: z.array(z.string()).describe('Ids, in priority order'),
  labels: z.array(z.string()),
  types: z.array(z.string()),
  maxAgents: z.number().int(),
  running: z.number().int(),
  connected: z.boolean(),
  draining: z.boolean(),
  freeDiskBytes: z.number().nullable(),
  freeMemoryBytes: z.number().nullable(),
  shortOf: z.string().nullable().optional().describe('Why it takes no work right now for lack of disk'),
  registeredAt: instant,
  lastSeenAt: instant,
})
export type DaemonView = z.infer<typeof daemon>

export const repo = z.object({
  slug: z.string(),
  daemons: z.number().int().describe('Registered daemons that serve it'),
  connected: z.number().int(),
})

export const poolCreate = z.strictObject({
  name,
  connector: z
    .string()
    .max(64)
    .optional()
    .describe('Name of the token whose daemons may join; `me`: the caller’s own. Default: any daemon of the team'),
})
export const pool = z.object({
  id: z.string(),
  name: z.string(),
  connector: z.string().nullable(),
  createdAt: instant,
  daemons: z.number().int(),
})
export type PoolView = z.infer<typeof pool>

/** A reusable runtime configuration; so far the fields that route and reach a CLI. */
export const profileSettings = z.strictObject({
  description: z.string().max(1_000).optional(),
  harness: name.optional(),
  model: z.string().min(1).max(200).optional(),
  autonomy: autonomy.optional(),
  maxTurns: z.number().int().positive().optional(),
  maxBashTimeouts: z.number().int().positive().optional(),
  runningTimeoutMs: durationMs.optional(),
  requiredEnv: z
    .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a variable’s name'))
    .max(64)
    .optional(),
  passEnv: z
    .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a variable’s name'))
    .max(64)
    .optional(),
  requiredTools: z.array(name).max(64).optional().describe('Programs that must be on the host’s PATH'),
  workspaceModes: z.array(workspaceMode).min(1).optional().describe('Allowed modes; the first is the default'),
})
export type ProfileSettings = z.infer<typeof profileSettings>
export const profileCreate = z.strictObject({ name, ...profileSettings.shape })
export const profile = z.object({
  id: z.string(),
  name: z.string(),
  version: z.number().int(),
  cid: z.string().describe('Content id of the settings'),
  settings: profileSettings,
  createdAt: instant,
  updatedAt: instant,
})
export type ProfileView = z.infer<typeof profile>

export const teamCreate = z.strictObject({ name })
export const team = z.object({ id: z.string(), name: z.string(), createdAt: instant })

export const scope = z.enum(['daemon', 'user', 'admin'])
export type Scope = z.infer<typeof scope>
export const tokenCreate = z.strictObject({
  name: z.string().min(1).max(100),
  scopes: z.array(scope).min(1),
  team: name.optional().describe('Name or id; default: the caller’s team; another team needs admin'),
  expiresAt: instant.optional(),
})
export const token = z.object({
  id: z.string(),
  name: z.string(),
  teamId: z.string(),
  scopes: z.array(scope),
  createdAt: instant,
  createdBy: z.string(),
  expiresAt: instant.nullable(),
  lastUsedAt: instant.nullable(),
})
export type TokenView = z.infer<typeof token>
export const tokenOnce = z.object({ ...token.shape, secret: z.string().describe('cap_…, shown this once') })

export const whoami = z.object({
  actor: z.string().describe('What the audit log says of this caller'),
  tokenId: z.string().nullable(),
  team: team,
  scopes: z.array(scope),
  server: z.object({ version: z.string(), protocol: z.number().int(), store: z.enum(['sqlite', 'postgres']) }),
})

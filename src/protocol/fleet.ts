// Hosts and who may use them, as they travel: daemons, repositories, pools, profiles, teams.

import { z } from 'zod'
import { accountKind, role, scope } from './access.ts'
import { approvalRule } from './approval-rule.ts'
import { contextList, tuning } from './context.ts'
import { durationMs, instant, label, limits, name, slug } from './names.ts'
import { sandboxSettings } from './sandbox.ts'
import { autonomy, onRateLimit, workspaceMode } from './task.ts'

export const harnessFound = z.object({
  name: z.string(),
  version: z.string().nullable(),
  ready: z.boolean().describe('Installed, new enough and signed in'),
  problem: z.string().nullable().describe('What is missing, with the remedy'),
  explicit: z.boolean().optional().describe('Runs only where it is named: shell'),
  account: z.string().max(100).optional().describe('Tells accounts apart, says nothing of their credentials'),
  exhaustedUntil: instant.optional().describe('The account’s quota is spent until then: no work is taken for it'),
})
export type HarnessFound = z.infer<typeof harnessFound>

export const offeredRepo = z.object({
  slug,
  problem: z.string().nullable().describe('Why it cannot be used right now; null: it can'),
  harness: z.string().max(64).optional().describe('What its trusted repo.toml names for tasks that name none'),
})

/** A daemon of the version before does not say it. */
export const loadAverage = z
  .number()
  .min(0)
  .nullable()
  .optional()
  .describe(
    'Processes at work or waiting for a processor, over the last minute; null: the platform does not count them',
  )
const processors = z.number().int().min(1).optional().describe('Of the host, as far as the daemon may use them')

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
  loadAverage,
  processors,
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
  loadAverage,
  processors,
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
    .describe('Name of the account whose daemons may join; `me`: the caller’s own. Default: any daemon of the team'),
})
export const pool = z.object({
  id: z.string(),
  name: z.string(),
  connector: z.string().nullable(),
  createdAt: instant,
  daemons: z.number().int(),
})
export type PoolView = z.infer<typeof pool>
export const poolShown = z.object({
  ...pool.shape,
  hosts: z.array(
    daemon.pick({ id: true, name: true, connected: true, draining: true, running: true, maxAgents: true }),
  ),
})

/** How long a person has to answer a request of an agent: 10 hours unless a profile says otherwise. */
export const defaultRequestTimeoutMs = 36_000_000

/** A minute to a year. */
const span = durationMs.min(60_000).max(31_536_000_000)

/** A lease shorter than three heartbeats is lost to one hiccup; a longer one hides a dead host. */
export const leaseBounds = { leastMs: 15_000, mostMs: 600_000 } as const
/** What a server gives where neither it nor a run is told otherwise. */
export const defaultLeaseMs = 90_000
export const leaseMs = durationMs
  .min(leaseBounds.leastMs, 'must be a lease of 15s to 10m')
  .max(leaseBounds.mostMs, 'must be a lease of 15s to 10m')
const beatMs = durationMs
  .min(1_000, 'must be a heartbeat each 1s to 60s')
  .max(60_000, 'must be a heartbeat each 1s to 60s')
const batchSize = z
  .number()
  .int()
  .min(1, `must be of 1 to ${limits.eventsPerBatch} events`)
  .max(limits.eventsPerBatch, `must be of 1 to ${limits.eventsPerBatch} events`)

/** A reusable runtime configuration; docs/profiles.md says what each field does. */
export const profileSettings = z.strictObject({
  description: z.string().max(1_000).optional(),
  harness: name.optional(),
  model: z.string().min(1).max(200).optional(),
  ...tuning,
  autonomy: autonomy.optional(),
  maxTurns: z.number().int().positive().optional(),
  maxBashTimeouts: z.number().int().positive().optional(),
  runningTimeoutMs: durationMs.optional(),
  onRateLimit: onRateLimit.optional().describe('For tasks that do not say it themselves'),
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
  sandbox: sandboxSettings.optional().describe('Default: none'),
  autoApprove: z
    .array(approvalRule)
    .max(64)
    .optional()
    .describe('Commands that agents who ask may run without asking a person'),
  requestTimeoutMs: durationMs
    .min(1_000)
    .max(604_800_000)
    .optional()
    .describe('How long a person has to answer; default 10 h. Then it is denied'),
  sessionTtlMs: span.optional().describe('How long after its last task a conversation may be gone on with'),
  workspaceTtlMs: span.optional().describe('How long a run’s folder is kept; the host’s own retention may be shorter'),
  leaseTtlMs: leaseMs.optional().describe('How long its host may be silent before a run counts as lost'),
  heartbeatIntervalMs: beatMs.optional().describe('How often its host says that the run lives'),
  maxBatchSize: batchSize.optional().describe('Events in one message to the server; default 50'),
  context: contextList.optional().describe('Texts that every agent with this profile is given'),
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
  warnings: z.array(z.string()).optional().describe('What looks wrong in it, when it was written'),
})
export type ProfileView = z.infer<typeof profile>

export const teamCreate = z.strictObject({ name })
export const team = z.object({ id: z.string(), name: z.string(), createdAt: instant })

export const whoami = z.object({
  actor: z.string().describe('What the audit log says of this caller'),
  tokenId: z.string().nullable(),
  team: team,
  scopes: z.array(scope),
  role: role.describe('What the account may do; the token’s scopes may be less'),
  account: z.object({ id: z.string(), name: z.string(), kind: accountKind }).nullable(),
  server: z.object({ version: z.string(), protocol: z.number().int(), store: z.enum(['sqlite', 'postgres']) }),
})

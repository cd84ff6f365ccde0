// What this host's owner forbids, from policy.toml. The server cannot switch on what is off here; each refusal names its rule.

import { parse } from 'smol-toml'
import { z } from 'zod'
import { Problem } from '../core/problem.ts'
import { readFileIfThere } from '../lib/atomic-file.ts'
import { formatDuration, parseDuration } from '../lib/duration.ts'
import { nearest } from '../lib/suggest.ts'
import { readAllowedHost } from '../protocol/sandbox.ts'

const host = z.string().superRefine((text, context) => {
  const read = readAllowedHost(text)
  if (typeof read === 'string') context.addIssue({ code: 'custom', message: read })
})
const folder = z
  .string()
  .refine((text) => /^(\/|~\/)[^\0]+$/.test(text), 'an absolute path, or one that begins with ~/')
const names = z.array(z.string().min(1))
const policyFile = z.strictObject({
  repos: names.optional(),
  harnesses: names.optional(),
  taskTypes: names.optional(),
  requireSandbox: z.boolean().optional(),
  allowShell: z.boolean().optional(),
  allowTaskCreate: z.boolean().optional(),
  hostExec: z.array(z.string().regex(/^[A-Za-z0-9._+-]+$/, 'the name of a program, such as git')).optional(),
  maxAutonomy: z.enum(['full', 'edit', 'ask']).optional(),
  maxTimeout: z
    .string()
    .refine((text) => (parseDuration(text) ?? 0) > 0, 'a duration such as 2h or 90m')
    .optional(),
  approvers: names.optional(),
  upload: z
    .strictObject({
      events: z.enum(['full', 'headers', 'none']).optional(),
      diff: z.boolean().optional(),
      artifacts: z.boolean().optional(),
      session: z.boolean().optional(),
      checkpoint: z.boolean().optional(),
    })
    .optional(),
  sandbox: z.strictObject({ privateHosts: z.array(host).optional(), writable: z.array(folder).optional() }).optional(),
})

export interface Policy {
  /** Null: every registered repository. */
  readonly repos: readonly string[] | null
  /** Null: every harness found. */
  readonly harnesses: readonly string[] | null
  /** Null: every type. */
  readonly taskTypes: readonly string[] | null
  readonly requireSandbox: boolean
  readonly allowShell: boolean
  /** Agents may create tasks from inside their runs. Their words leave the host with these: by default only where all words do. */
  readonly allowTaskCreate: boolean
  /** Programs that agents may start outside their sandbox, by a profile's rule or a person's word. Empty: none. */
  readonly hostExec: readonly string[]
  readonly maxAutonomy: 'full' | 'edit' | 'ask'
  readonly maxTimeoutMs: number | null
  /** Who may answer requests of agents here; null: whoever the server lets. */
  readonly approvers: readonly string[] | null
  readonly upload: Upload
  /** Hosts and addresses of this machine or network that a sandbox may reach, as in a profile's allowedHosts. */
  readonly privateHosts: readonly string[]
  /** Folders that a sandbox may write where one is required. */
  readonly writable: readonly string[]
}

/** What of the work leaves this host; all of it counts as source. */
export interface Upload {
  readonly events: 'full' | 'headers' | 'none'
  readonly diff: boolean
  readonly artifacts: boolean
  readonly session: boolean
  readonly checkpoint: boolean
}

/** Those that are run so that nothing of the workspace can start a program; a server on another machine needs the owner's word for these too. */
const defended = ['git', 'gh']

/** Reads policy.toml; without it only the shell and programs outside sandboxes are forbidden, and only to a server on another machine. Throws `configuration`. */
export function readPolicy(path: string, serverUrl: string): Policy {
  const text = readFileIfThere(path)
  const read = policyFile.safeParse(text === null ? {} : parseToml(path, text))
  if (!read.success) throw new Problem('configuration', wrongIn(path, read.error))
  const { upload, sandbox, maxTimeout, ...file } = read.data
  return {
    repos: file.repos ?? null,
    harnesses: file.harnesses ?? null,
    taskTypes: file.taskTypes ?? null,
    requireSandbox: file.requireSandbox ?? false,
    allowShell: file.allowShell ?? isLoopback(serverUrl),
    allowTaskCreate: file.allowTaskCreate ?? (upload?.events ?? 'full') === 'full',
    hostExec: file.hostExec ?? (isLoopback(serverUrl) ? defended : []),
    maxAutonomy: file.maxAutonomy ?? 'full',
    maxTimeoutMs: maxTimeout === undefined ? null : parseDuration(maxTimeout),
    approvers: file.approvers ?? null,
    upload: {
      events: upload?.events ?? 'full',
      diff: upload?.diff ?? true,
      artifacts: upload?.artifacts ?? true,
      session: upload?.session ?? true,
      checkpoint: upload?.checkpoint ?? false,
    },
    privateHosts: sandbox?.privateHosts ?? [],
    writable: sandbox?.writable ?? [],
  }
}

export interface Asked {
  readonly repo: string | null
  readonly type: string
  readonly harness: string
  readonly autonomy: 'full' | 'edit' | 'ask'
  /** 0: no bound. */
  readonly runningTimeoutMs: number
  readonly sandboxed: boolean
  /** Folders outside the workspace that the profile wants written. */
  readonly write: readonly string[]
  /** The profile has commands of its own run before the agent. */
  readonly setup: boolean
}

const rank = { ask: 0, edit: 1, full: 2 } as const

/** The rule that forbids this run, or null. */
export function refusedBy(policy: Policy, asked: Asked): string | null {
  if (asked.repo !== null && lacks(policy.repos, asked.repo)) return `repos lacks ${asked.repo}`
  if (lacks(policy.taskTypes, asked.type)) return `taskTypes lacks ${asked.type}`
  if (asked.harness === 'shell' && !policy.allowShell) return 'allowShell = false'
  const commands = refusedCommands(policy, asked.setup)
  if (commands !== null) return commands
  if (lacks(policy.harnesses, asked.harness)) return `harnesses lacks ${asked.harness}`
  if (rank[asked.autonomy] > rank[policy.maxAutonomy]) return `maxAutonomy = ${policy.maxAutonomy}`
  return tooLong(policy, asked) ?? tooOpen(policy, asked)
}

/** Commands of a profile are a script that the server gives, like a task's for the harness shell. */
export function refusedCommands({ allowShell }: Policy, setup: boolean): string | null {
  return setup && !allowShell ? 'allowShell = false, and the profile has setupCommands or resumeCommands' : null
}

/** The types a daemon asks for: those it was started for and may take. Empty: all. */
export function offeredTypes(types: readonly string[], { taskTypes }: Policy): readonly string[] {
  if (taskTypes === null) return types
  const both = types.filter((type) => taskTypes.includes(type))
  return types.length === 0 ? taskTypes : both.length === 0 ? types : both // none of them: they are refused when they come
}

function tooLong({ maxTimeoutMs }: Policy, { runningTimeoutMs }: Asked): string | null {
  if (maxTimeoutMs === null || (runningTimeoutMs > 0 && runningTimeoutMs <= maxTimeoutMs)) return null
  const asks = runningTimeoutMs === 0 ? 'has no bound' : `may run ${formatDuration(runningTimeoutMs)}`
  return `maxTimeout = ${formatDuration(maxTimeoutMs)}, and the task ${asks}`
}

function tooOpen({ requireSandbox, writable }: Policy, { sandboxed, write }: Asked): string | null {
  if (!requireSandbox) return null
  if (!sandboxed) return 'requireSandbox = true, and the profile has no sandbox with runtime os'
  const beyond = write.find((path) => !writable.some((each) => path === each || path.startsWith(`${each}/`)))
  return beyond === undefined ? null : `requireSandbox = true, and sandbox.writable lacks ${beyond}`
}

function lacks(list: readonly string[] | null, name: string): boolean {
  return list !== null && !list.includes(name)
}

function isLoopback(url: string): boolean {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname)
}

/** One sentence with the key and the remedy. */
function wrongIn(path: string, error: z.ZodError): string {
  const [issue] = error.issues
  const where = issue?.path.join('.') ?? ''
  if (issue?.code !== 'unrecognized_keys') return `${path}: ${where}: ${issue?.message ?? 'not valid'}`
  const key = issue.keys[0] ?? ''
  const known = Object.keys(where === '' ? policyFile.shape : tables[where as keyof typeof tables].shape) // only these have keys of their own
  const near = nearest(key, known)
  const remedy = near === null ? `it knows ${known.join(', ')}` : `did you mean ${near}?`
  return `${path}: the rule "${where === '' ? key : `${where}.${key}`}" is not known; ${remedy}`
}

const tables = { upload: policyFile.shape.upload.unwrap(), sandbox: policyFile.shape.sandbox.unwrap() }

function parseToml(path: string, text: string): unknown {
  try {
    return parse(text)
  } catch (cause) {
    throw new Problem(
      'configuration',
      `${path} is not TOML: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
}

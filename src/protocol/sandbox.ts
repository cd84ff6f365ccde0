// What a profile asks of the sandbox, and the grammar of hosts, sizes and paths in it. A host may refuse any of it; see its policy.toml.

import { z } from 'zod'
import { approvalRule } from './approval-rule.ts'
import { workspaceMode } from './task.ts'

const unitBytes: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 1_024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
  TiB: 1_099_511_627_776,
}

/** Bytes; null when `text` is not a number with B, KB, MB, GB, TB, KiB, MiB, GiB or TiB. */
export function parseSize(text: string): number | null {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?) ?([KMGT]i?B|B)$/.exec(text) ?? []
  const factor = unitBytes[unit]
  return amount === undefined || factor === undefined ? null : Math.round(Number(amount) * factor)
}

const hostLabel = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const ipv4 = /^\d{1,3}(?:\.\d{1,3}){3}$/
const ipv6 = /^\[[0-9a-f:.]+\]$/

export interface AllowedHost {
  /** Lower case; an address of version 6 without its brackets. */
  readonly host: string
  /** `*.host`: every name below it, not itself. */
  readonly wildcard: boolean
  /** Null: 443 and 80. */
  readonly port: number | null
}

/** Reads `host`, `*.host`, an address, each with `:port` or without; else half a sentence that says what is wrong. */
export function readAllowedHost(raw: string): AllowedHost | string {
  const text = raw.toLowerCase()
  if (text.includes('://')) return `"${raw}" has a scheme: write the host alone`
  if (/[/?#@\s]/.test(text)) return `"${raw}" is more than a host: write the host alone, with :port if need be`
  const [, host = '', portText] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(text) ?? []
  if (host === '') return `"${raw}" is not a host: write example.com, *.example.com or example.com:8443`
  const port = portText === undefined ? null : Number(portText)
  if (port !== null && (port < 1 || port > 65_535)) return `"${raw}" has the port ${portText}: 1 to 65535`
  if (ipv4.test(host) && host.split('.').every((each) => Number(each) <= 255)) return { host, wildcard: false, port }
  if (ipv6.test(host)) return { host: host.slice(1, -1), wildcard: false, port }
  const wildcard = host.startsWith('*.')
  return readName(raw, { name: wildcard ? host.slice(2) : host, wildcard, port })
}

function readName(
  raw: string,
  { name, wildcard, port }: { readonly name: string; readonly wildcard: boolean; readonly port: number | null },
): AllowedHost | string {
  if (name === '*' || name === '') return `"${raw}" allows everything: name the hosts`
  if (name.includes('*')) return `"${raw}" has a * inside: only *.example.com is possible`
  if (name.endsWith('.')) return `"${raw}" ends with a dot: leave it out`
  const labels = name.split('.')
  if (name.length > 253 || !labels.every((each) => hostLabel.test(each))) return `"${raw}" is not a host’s name`
  if (/^\d+$/.test(labels.at(-1) ?? '')) return `"${raw}" is neither a name nor an address`
  if (wildcard && labels.length < 2) return `"${raw}" allows a whole top-level domain: name the hosts`
  return { host: name, wildcard, port }
}

const host = z
  .string()
  .max(260)
  .superRefine((text, context) => {
    const read = readAllowedHost(text)
    if (typeof read === 'string') context.addIssue({ code: 'custom', message: read })
  })
const size = z.string().superRefine((text, context) => {
  if ((parseSize(text) ?? 0) > 0) return
  context.addIssue({
    code: 'custom',
    message: `${JSON.stringify(text.slice(0, 40))} is not a size such as 512MiB or 4GB`,
  })
})

/** Why a path cannot be one, as half a sentence; null: it can. */
function wrongPath(text: string): string | null {
  if (text.includes('\0')) return 'a path has no zero byte'
  if (text.split('/').includes('..')) return `"${text}" climbs with ..: write the path itself`
  return text === '/' || text === '~' ? `"${text}" is too much: name a folder below it` : null
}

const path = z
  .string()
  .min(1)
  .max(1_024)
  .superRefine((text, context) => {
    const wrong = wrongPath(text)
    if (wrong !== null) context.addIssue({ code: 'custom', message: wrong })
  })
const outerPath = path.refine((text) => text.startsWith('/') || text.startsWith('~/'), {
  message: 'an absolute path, or one that begins with ~/: the workspace itself is writable already',
})
const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a variable’s name')
  .refine((text) => !/^(CAPSTAN_|npm_)/.test(text), 'CAPSTAN_ and npm_ are reserved: use another name')
const patterns = z.array(path).max(128)

const command = z
  .string()
  .min(1)
  .max(4_096)
  .refine((text) => text.trim() !== '' && !text.includes('\0'), 'an empty command runs nothing')
const keyFile = path
  .refine(
    (text) => !text.startsWith('/') && !text.startsWith('~'),
    'a path or glob below the workspace: package-lock.json',
  )
  .refine(
    (text) => !text.startsWith(':') && !text.startsWith('!'),
    'a plain path or glob: package-lock.json, **/go.sum',
  )

/** A command of each start; see docs/profiles.md. */
const resumeCommand = z.strictObject({
  run: command,
  when: z
    .strictObject({ workspaceMode: z.union([workspaceMode, z.array(workspaceMode).min(1)]).optional() })
    .optional()
    .describe('Only in such a workspace'),
  retries: z.number().int().min(0).max(10).optional().describe('Tried again so often when it fails; default 0'),
})

/** What a profile may have run before its agent, with and without a sandbox. */
const preparation = {
  setupCommands: z
    .array(command)
    .min(1)
    .max(32)
    .optional()
    .describe('Run before the agent; what they leave in ignored files is kept for later runs'),
  cacheKey: z
    .array(keyFile)
    .min(1)
    .max(32)
    .optional()
    .describe('Files whose content decides whether what setup left may be used again; default: all files of the base'),
  resumeCommands: z.array(resumeCommand).min(1).max(32).optional().describe('Run at each start, after setup'),
}

export const sandboxSettings = z
  .strictObject({
    runtime: z.enum(['none', 'os']).describe('os: bubblewrap on Linux'),
    filesystem: z
      .strictObject({
        deny: patterns.optional().describe('Reading it is an error. Globs below the workspace, absolute, or ~/'),
        hide: patterns.optional().describe('It is not there; in a folder that may be written it looks empty'),
        write: z.array(outerPath).max(64).optional().describe('Folders outside the workspace that may be written'),
      })
      .optional(),
    network: z
      .strictObject({
        allowedHosts: z.array(host).max(256).optional().describe('example.com, *.example.com, example.com:8443'),
        setupHosts: z.array(host).max(256).optional().describe('Besides those, while setup runs'),
      })
      .optional()
      .describe('Without it nothing is reachable'),
    resources: z
      .strictObject({
        cpus: z.number().min(0.05).max(1_024).optional(),
        memory: size.optional().describe('Of all processes together'),
        pids: z.number().int().min(16).max(1_000_000).optional(),
        disk: size.optional().describe('Of one file'),
        required: z.boolean().optional().describe('Refuse a host that cannot enforce them'),
      })
      .optional(),
    hostExec: z
      .array(approvalRule)
      .max(64)
      .optional()
      .describe(
        'Programs that agents may start outside it, such as git push; what no rule names is asked. Default: none',
      ),
    env: z.record(variable, z.string().max(32_768)).optional().describe('Inside only; never secrets'),
    caches: z
      .array(outerPath)
      .max(32)
      .optional()
      .describe('Package stores such as ~/.npm, kept per repository and filled by setup; an agent has a copy'),
    ...preparation,
  })
  .superRefine((settings, context) => {
    if (settings.cacheKey !== undefined && settings.setupCommands === undefined) {
      const message = 'cacheKey is of setupCommands, and there are none: add them, or drop it'
      context.addIssue({ code: 'custom', message, path: ['cacheKey'] })
    }
    if (settings.runtime === 'os') return
    const extra = Object.keys(settings).filter((key) => key !== 'runtime' && !(key in preparation))
    if (extra.length === 0) return
    const message = `runtime none has no ${extra.join(', ')}: choose runtime os, or drop them`
    context.addIssue({ code: 'custom', message, path: [extra[0] ?? 'runtime'] })
  })
export type SandboxSettings = z.infer<typeof sandboxSettings>

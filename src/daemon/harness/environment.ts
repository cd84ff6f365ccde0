// Which variables reach an agent: an allow-list, what its harness and profile name, the secrets folder, and the marks of the run.

import { dirname, isAbsolute, join, resolve } from 'node:path'
import { packageRoot } from '../../lib/package-files.ts'
import type { Harness, HostProbe } from './port.ts'

type Env = Readonly<Record<string, string | undefined>>

/** What any program needs to behave as it does in its user's shell: names, or prefixes that end in `*`. */
const always = [
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LANGUAGE',
  'LC_*',
  'TZ',
  'TERM',
  'XDG_*',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'all_proxy',
  'no_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'GIT_SSL_CAINFO',
]

/** Ours and npm's: an agent must not find the daemon's token, nor believe that it runs inside our `npm start`. */
const never = ['CAPSTAN_*', 'npm_*', 'NPM_*', 'INIT_CWD']

export interface RunMarks {
  /** The marker by which the run's processes are found again. */
  readonly runId: string
  readonly taskId: string
  readonly attempt: number
  /** The run's own temporary folder; it must exist. */
  readonly tmpDir: string
  /** Where the run may write its output, and where CLIs find the run's MCP server. */
  readonly mcp?: { readonly output: string; readonly config: string }
  /** The folder with the task's files. */
  readonly attachments?: string
  /** Commands of ours that the run may use; last in its PATH. */
  readonly commands?: string
  /** Numbers that no other run of this host has, as the repository asked for. */
  readonly ports?: readonly number[]
  /** Who commits in the run, where the host's identity says so. */
  readonly author?: { readonly name: string; readonly email: string }
}

export interface EnvironmentInput {
  /** The daemon's environment. */
  readonly host: Env
  /** From the secrets folder; they go over the host's. */
  readonly secrets: Readonly<Record<string, string>>
  /** What the harness declares: `passedBy(harness, host)`. */
  readonly harness: readonly string[]
  /** The profile's requiredEnv and passEnv: names. */
  readonly profile: readonly string[]
  readonly run: RunMarks
  /** `Launch.env`: the harness's switches, over all but the marks. */
  readonly switches: Readonly<Record<string, string>>
}

/** The whole environment of a run; nothing else is inherited. Pure. */
export function runEnvironment(input: EnvironmentInput): Record<string, string> {
  const { host, secrets, run } = input
  const allowed = matcher([...always, ...input.harness, ...input.profile])
  const passed = Object.entries(host).filter(([name]) => allowed(name))
  const forbidden = matcher(never)
  const merged = [...passed, ...Object.entries(secrets), ...Object.entries(input.switches)]
  const kept = merged.filter((pair): pair is [string, string] => pair[1] !== undefined && !forbidden(pair[0]))
  return {
    TMPDIR: run.tmpDir,
    ...Object.fromEntries(kept),
    PATH: [searchPath(host), ...(run.commands === undefined ? [] : [run.commands])].join(':'),
    CAPSTAN_RUN_ID: run.runId,
    CAPSTAN_TASK_ID: run.taskId,
    CAPSTAN_ATTEMPT: String(run.attempt),
    ...(run.mcp === undefined ? {} : { CAPSTAN_OUTPUT: run.mcp.output, CAPSTAN_MCP_CONFIG: run.mcp.config }),
    ...(run.attachments === undefined ? {} : { CAPSTAN_ATTACHMENTS: run.attachments }),
    ...portVariables(run.ports ?? []),
    ...(run.author === undefined ? {} : authorVariables(run.author)),
  }
}

/** What a program of the host is given that runs outside a sandbox for an agent: nothing that the agent, its profile or its server chose. */
export function hostVariables(host: Env): Record<string, string | undefined> {
  const allowed = matcher([...always, 'SSH_AUTH_SOCK'])
  const kept = Object.entries(host).filter(([name]) => allowed(name))
  return { ...Object.fromEntries(kept), PATH: searchPath(host), TERM: 'dumb' }
}

/** Where programs are looked for, but for commands of a run's own: the same for all runs of a daemon. */
export function searchPath(host: Env): string {
  return cleanPath(host.PATH ?? '', packageRoot)
}

/** `CAPSTAN_PORT` is the first of them. */
function portVariables(ports: readonly number[]): Record<string, string> {
  const [first] = ports
  if (first === undefined) return {}
  const each = ports.map((port, at) => [`CAPSTAN_PORT_${at + 1}`, String(port)])
  return { CAPSTAN_PORT: String(first), CAPSTAN_PORTS: ports.join(','), ...Object.fromEntries(each) }
}

function authorVariables({ name, email }: NonNullable<RunMarks['author']>): Record<string, string> {
  return {
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
  }
}

/** What a harness wants passed on this host. */
export function passedBy(harness: Harness, host: HostProbe): readonly string[] {
  return [...harness.passEnv, ...(harness.moreEnv?.(host) ?? [])]
}

/**
 * PATH without what npm put there to run us: `node_modules/.bin` of our folder and of the folders above it, and npm's own helpers.
 * Entries that are not absolute go too: inside a workspace they would name the agent's files. `root`: our folder.
 */
export function cleanPath(path: string, root: string): string {
  const ours = new Set(foldersAbove(root).map((folder) => join(folder, 'node_modules', '.bin')))
  const isNpm = (entry: string) => /\/node-gyp-bin\/?$/.test(entry)
  const kept = path.split(':').filter((entry) => isAbsolute(entry) && !ours.has(resolve(entry)) && !isNpm(entry))
  return [...new Set(kept)].join(':')
}

function foldersAbove(folder: string): readonly string[] {
  const above = dirname(folder)
  return above === folder ? [folder] : [folder, ...foldersAbove(above)]
}

function matcher(patterns: readonly string[]): (name: string) => boolean {
  const names = new Set(patterns.filter((pattern) => !pattern.endsWith('*')))
  const prefixes = patterns.filter((pattern) => pattern.endsWith('*')).map((pattern) => pattern.slice(0, -1))
  return (name) => names.has(name) || prefixes.some((prefix) => name.startsWith(prefix))
}

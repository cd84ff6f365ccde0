// What a run asks of a sandbox and what it gets: a command line to put before its own, and words for what could not be done.

import type { RunUser } from '../../lib/exec.ts'
import type { SandboxSettings } from '../../protocol/sandbox.ts'
import type { HomePath } from '../harness/port.ts'
import type { Workspace } from '../workspace/port.ts'
import type { NetworkRule } from './network-rules.ts'

/** Where the host's own things lie: hidden from every run, whatever it asks. */
export interface HostPlaces {
  readonly home: string
  readonly dataDir: string
  readonly capstanHome: string
  readonly secretDir: string | null
  /** The registered repositories: checkouts and their git folders. */
  readonly repos: readonly string[]
}

/** What runs in the sandbox. Each has a box of its own: setup reaches hosts that the agent does not. */
export type BoxUse = 'setup' | 'resume' | 'agent' | 'checks' | 'teardown'

export interface BoxRequest {
  readonly use: BoxUse
  /** It has a terminal of its own, which is the run's alone. */
  readonly terminal?: boolean
  readonly settings: SandboxSettings
  readonly host: HostPlaces
  readonly workspace: Workspace
  readonly runDir: string
  /** Folder below which package stores lie: the repository's, or the run's copies. */
  readonly cacheDir: string
  readonly cwd: string
  readonly program: string
  /** The run's environment, as it would be without a sandbox. */
  readonly env: Readonly<Record<string, string>>
  /** The harness's own files; what is kept lies at `source` on the host. */
  readonly homePaths: readonly PlacedPath[]
  /** Files of the run that the agent reads: its prompt, its configuration. */
  readonly readable: readonly string[]
  readonly rules: readonly NetworkRule[]
  /** Who runs it; null: the daemon's own user. */
  readonly user: RunUser | null
  /** Folders of cgroups that the run joins before anything of it starts. */
  readonly cgroups: readonly string[]
  /** As a number of bytes and processes; only what no cgroup holds. */
  readonly rlimits: {
    readonly pids: number | null
    readonly dataBytes: number | null
    readonly fileBytes: number | null
  }
}

export type PlacedPath =
  | Exclude<HomePath, { readonly access: 'kept' }>
  | { readonly path: string; readonly access: 'kept'; readonly source: string }

export interface Box {
  /** Goes before the program and its arguments. */
  readonly before: readonly [string, ...string[]]
  /** The environment of the whole, in place of the run's. */
  readonly env: Readonly<Record<string, string>>
  /** What was asked and could not be done as asked, in sentences. */
  readonly notices: readonly string[]
}

/** An ability of this host, proved by running it. */
export interface Ability {
  readonly what: string
  /** Null: it works. Else a sentence with the remedy. */
  readonly problem: string | null
  /** What works. */
  readonly detail: string
}

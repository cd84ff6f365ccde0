// What a daemon is started with.

import type { Clock } from '../core/clock.ts'
import type { Env } from '../lib/env.ts'
import type { Log } from '../lib/log.ts'
import type { Transport } from './link/dial.ts'

interface Settings {
  readonly serverUrl: string
  readonly token: string
  /** How to reach the server; default auto. */
  readonly transport?: Transport
  /** How often a socket is tried while posts stand in for it; default 60 s. */
  readonly socketRetryMs?: number | null
  readonly dataDir: string
  readonly identity: string
  /** Default: `hostname:workspace`. */
  readonly name: string | null
  /** The daemon's identity is kept per identity and workspace; an absolute path. */
  readonly workspace: string
  /** Checkouts to register at the start. */
  readonly workspaces: readonly string[]
  readonly hostId: string | null
  readonly pool: string | null
  readonly roles: readonly string[]
  /** Names or ids, in order of priority. */
  readonly profiles: readonly string[]
  readonly labels: readonly string[]
  readonly types: readonly string[]
  readonly only: Readonly<Record<string, string>>
  /** Default: one per 2 GiB of free memory. */
  readonly maxAgents: number | null
  /** Default: 10 GB and 10 %. */
  readonly minFreeDiskBytes: number | null
  /** Default: as the server asks; a run's profile may ask for another. */
  readonly heartbeatIntervalMs: number | null
  /** How long runs may go unheard where their profile does not say; default: as the server says. */
  readonly leaseTtlMs?: number | null
  /** Most events in one message where a profile does not say; default 50. */
  readonly maxBatchSize?: number | null
  /** After a claim that failed work is asked for again after this, then ever later up to `maxPollIntervalMs`; default 2 s and 30 s. */
  readonly pollIntervalMs?: number | null
  readonly maxPollIntervalMs?: number | null
  /** How long the folder of a task that belongs to a session is kept where its profile does not say; default: the host's retention. */
  readonly warmSessionTtlMs?: number | null
  /** Take only tasks of this correlation id. */
  readonly correlationId?: string | null
  /** Between checkpoints of a working agent; default 5 min, 0: none. */
  readonly checkpointIntervalMs?: number | null
  /** How long lines may wait to be sent together; default 200 ms. */
  readonly flushIntervalMs: number | null
  /** Folder of secrets for runs: file name = variable. */
  readonly secretDir: string | null
  /** Runs are started as this user; only a daemon of root can. Default: as the daemon's own. */
  readonly runAs?: string | null
  readonly version: string
  readonly clock: Clock
  readonly log: Log
  readonly env: Env
}

export type DaemonOptions = Settings &
  (
    | { readonly mode: 'poll' }
    | { readonly mode: 'once'; readonly taskId: string }
    | { readonly mode: 'batch'; readonly waitForFirstTaskMs: number; readonly waitAfterTaskMs: number }
  )

// What a run is given: the daemon's parts, each made once in daemon.ts.

import type { Clock } from '../../core/clock.ts'
import type { PriceTable } from '../../core/price.ts'
import type { Env } from '../../lib/env.ts'
import type { GitAuthor } from '../../lib/git.ts'
import type { Log } from '../../lib/log.ts'
import type { HarnessFound } from '../../protocol/fleet.ts'
import type { Harness, HostProbe } from '../harness/port.ts'
import type { Forge } from '../hostexec/forge.ts'
import type { Journal } from '../journal/journal.ts'
import type { ToolsHost } from '../mcp/serve-tools.ts'
import type { Policy } from '../policy.ts'
import type { Quota } from '../quota/keeper.ts'
import type { SandboxHost } from '../sandbox/host.ts'
import type { StateFolder } from '../state-folder.ts'
import type { ContainmentChoice } from '../supervisor/containment/port.ts'
import type { Terminals } from '../terminal/terminals.ts'

export interface RunDeps {
  readonly clock: Clock
  readonly log: Log
  readonly env: Env
  readonly state: StateFolder
  readonly journal: Journal
  readonly registryPath: string
  readonly harnesses: readonly Harness[]
  /** As last detected, in the host's order of preference. */
  found(): readonly HarnessFound[]
  /** The host as adapters see it; the secrets folder is read anew at each call. */
  probe(): HostProbe
  /** Same, as name and value. */
  secrets(): Readonly<Record<string, string>>
  readonly policy: Policy
  /** What tokens cost the host's owner; without them the list of `core/price.ts` counts alone. */
  readonly prices?: PriceTable
  /** Who commits what an agent left uncommitted. */
  readonly author: GitAuthor
  /** Agents commit as that author too, because the host's identity names one. */
  readonly authorInRuns?: boolean
  /** The token of the identity's forge, for git and gh that are started on the host; no run sees it. */
  readonly forge?: Forge | null
  readonly containment: ContainmentChoice
  /** What this host can do of a sandbox, and as whom it runs agents. */
  readonly sandbox: SandboxHost
  /** Folders that no sandboxed agent sees. */
  readonly places: { readonly dataDir: string; readonly capstanHome: string; readonly secretDir: string | null }
  /** A supervisor that no daemon touched for this long stops its agent, where a lease is of the usual length, ms. */
  readonly orphanAfterMs: number
  /** Between TERM and KILL, ms. */
  readonly graceMs: number
  /** Between checkpoints of a working agent; default 5 min, 0: none, ms. */
  readonly checkpointIntervalMs?: number | null
  /** What runs ask for whose profile does not say: a lease, ms, and how long the folders of sessions are kept, ms. */
  readonly leaseTtlMs?: number | null
  /** The server's own lease, ms; null: it has not said it since this daemon started. */
  serverLeaseMs?(): number | null
  readonly warmSessionTtlMs?: number | null
  /** How long lines may wait to be sent together; default 200 ms. */
  readonly flushMs?: number | null
  /** Knows which accounts have spent their quota; none where nobody claims for them. */
  readonly quota?: Quota
  /** What serves runs their MCP tools; without it they have none. */
  readonly tools?: ToolsHost
  /** Keeps the terminals of interactive runs; without it there are none. */
  readonly terminals?: Terminals
  /** Conversations go to the server, for the other hosts of this one's pool. */
  readonly sharesSessions: boolean
  /** Bytes that the server keeps for an attempt of this host: an earlier patch or conversation. Throws Problem. */
  fetch(attemptId: string, cid: string): Promise<Uint8Array>
  /** Something changed that the server should hear now. */
  changed(): void
  /** There is something new in the outbox. */
  poke(): void
}

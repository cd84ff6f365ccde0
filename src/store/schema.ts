// The tables as kysely sees them. Times are ms since the epoch, truths are 0 or 1, documents are JSON text: the same in both databases.

import type { Generated } from 'kysely'
import type { Role } from '../core/role.ts'
import type { AccountKind } from '../protocol/access.ts'

/** A truth value; integers, because both databases index and compare them alike. */
export type Flag = 0 | 1

export interface Schema {
  migrations: { version: number; name: string; applied_at: number }
  settings: { name: string; value: string }
  teams: { id: string; name: string; created_at: number }
  tokens: TokensTable
  pools: { id: string; team_id: string; name: string; connector: string | null; created_at: number }
  profiles: ProfilesTable
  daemons: DaemonsTable
  daemon_repos: { team_id: string; slug: string; daemon_id: string }
  daemon_messages: DaemonMessagesTable
  lanes: { id: Generated<number>; team_id: string; lane_key: string; needs: string }
  tasks: TasksTable
  task_log: TaskLogTable
  condition_refs: { ref_task_id: string; task_id: string }
  attempts: AttemptsTable
  event_chunks: { attempt_id: string; last_seq: number; data: string }
  salvage: SalvageTable
  requests: RequestsTable
  sessions: SessionsTable
  audit: {
    seq: Generated<number>
    team_id: string
    at: number
    actor: string
    operation: string
    target: string | null
    detail: string | null
    address: string | null
    unfinished: Generated<number>
  }
  blobs: { team_id: string; cid: string; bytes: number; created_at: number }
  accounts: AccountsTable
  models: ModelsTable
}

interface DaemonMessagesTable {
  daemon_id: string
  seq: number
  type: string
  body: string
  created_at: number
  /** Only of words for an agent: its daemon has them. They are kept, as it may say later that they were not heard. */
  acked_at: number | null
}

interface TokensTable {
  id: string
  hash: string
  name: string
  team_id: string
  scopes: string
  kind: string
  created_by: string
  created_at: number
  expires_at: number | null
  last_used_at: number | null
  revoked_at: number | null
  /** Null: made before there were accounts, or for one that is gone. */
  account_id: string | null
}

interface AccountsTable {
  id: string
  team_id: string
  name: string
  kind: AccountKind
  role: Role
  created_at: number
  created_by: string
}

interface ModelsTable {
  id: string
  team_id: string
  provider: string
  name: string
  display_name: string | null
  description: string
  capabilities: string
  created_at: number
  updated_at: number
}

interface ProfilesTable {
  id: string
  team_id: string
  name: string
  version: number
  cid: string
  settings: string
  created_at: number
  updated_at: number
}

interface DaemonsTable {
  id: string
  team_id: string
  key_hash: string
  boot_id: string
  /** Beside the offer, which holds it too: what people look a daemon up by. */
  name: string
  offer: string
  pool_id: string | null
  profile_ids: string
  connection_id: string | null
  /** A person asked for it; the daemon's own wish to drain is `draining`. */
  drain_asked: Flag
  draining: Flag
  running: number
  free_disk: number | null
  free_memory: number | null
  /** Over the last minute; null: not told. */
  load_average: number | null
  registered_at: number
  last_seen_at: number
  /** The highest seq given to a message for it. */
  message_seq: number
}

export interface TasksTable {
  /** Order of creation: age in the queue, and the cursor of lists. */
  seq: Generated<number>
  id: string
  team_id: string
  lane_id: number
  /** Set while a pin to the session's daemon holds: the lane the task falls back to at `pin_until`. */
  fallback_lane_id: number | null
  pin_until: number | null
  sticky_daemon: string | null
  /** The compare-and-set fence; equals the seq of the last log entry. */
  version: number
  state: string
  reason: string | null
  verdict: string | null
  status: string
  spent: string
  epoch: number
  /** `{spec, terms}`: what never changes. */
  doc: string
  /** 1 when a claim may take it now. Only this decides; backoff and pins are turned into it by the sweep. */
  claimable: Flag
  priority: number
  /** When the sweep looks at the task again: end of backoff, quota, grace, or its runAt. */
  wake_at: number | null
  /** When the task expires if it is not at work by then; null while it is at work or ended. */
  expire_at: number | null
  run_at: number | null
  /** 1 when another task's condition names this one. */
  watched: Flag
  repo: string | null
  harness: string | null
  labels: string
  correlation_id: string | null
  session_key: string | null
  cause_id: string | null
  hops: number
  idempotency_key: string | null
  body_hash: string | null
  created_at: number
  created_by: string
  queued_at: number | null
  ended_at: number | null
}

interface TaskLogTable {
  task_id: string
  seq: number
  at: number
  actor: string
  cause: string | null
  entry: string
}

export interface AttemptsTable {
  id: string
  task_id: string
  team_id: string
  n: number
  epoch: number
  daemon_id: string
  daemon_name: string
  profile_id: string | null
  profile_cid: string | null
  claimed_at: number
  state: string
  ownership: string | null
  reason: string | null
  ended_at: number | null
  /** `{reason, detail, endedBy}` once ended. */
  ending: string | null
  open: Flag
  /** 1 while a lease can run out: open, and held or stopping. */
  leased: Flag
  /** Open requests to a person; while there are any, the agent's time stands still. */
  asks: number
  /** When the first of those now open came: however many there are, the time they stand open counts once. */
  asks_since: number | null
  /** How long it waited for people, ms: all of its requests together, without those open now. */
  waited_ms: number
  harness: string | null
  harness_version: string | null
  model: string | null
  containment: string | null
  /** 1 while the agent takes words at work; null: not told. */
  takes_messages: Flag | null
  session_ref: string | null
  running_at: number | null
  /** When the agent's time is over; null: no limit, or not running yet. */
  timeout_at: number | null
  lease_until: number | null
  last_heartbeat_at: number | null
  last_event_at: number | null
  /** Also the seq of the last stored event: there are no holes. */
  event_count: number
  outcome: string | null
  salvaged: number
}

interface SalvageTable {
  attempt_id: string
  cid: string
  task_id: string
  at: number
  kind: string
  /** `{detail, evidence, events}` */
  doc: string
}

export interface SessionsTable {
  /** That of its first task. */
  id: string
  team_id: string
  correlation_id: string | null
  repo: string | null
  harness: string | null
  daemon_id: string
  daemon_name: string
  session_ref: string
  session_cid: string | null
  branch: string | null
  title: string
  last_task_id: string
  last_attempt_id: string
  created_at: number
  updated_at: number
  closed_at: number | null
}

interface RequestsTable {
  id: string
  team_id: string
  task_id: string
  attempt_id: string
  daemon_id: string
  /** open → answered | expired | withdrawn | closed */
  state: string
  /** `{kind, title, body, options}` */
  doc: string
  created_at: number
  expires_at: number
  /** `{optionId, text, by, at}` once answered. */
  answer: string | null
}

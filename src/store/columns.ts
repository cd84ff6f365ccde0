// The columns of the rows that every task passes through, named: a statement with `*` would be parsed and planned each time on PostgreSQL
// (postgres-execute.ts says why). A column that is missing here does not compile.

import type { AttemptsTable, TasksTable } from './schema.ts'

const tasks: Readonly<Record<keyof TasksTable, true>> = {
  seq: true,
  id: true,
  team_id: true,
  lane_id: true,
  fallback_lane_id: true,
  pin_until: true,
  sticky_daemon: true,
  version: true,
  state: true,
  reason: true,
  verdict: true,
  status: true,
  spent: true,
  epoch: true,
  doc: true,
  claimable: true,
  priority: true,
  wake_at: true,
  expire_at: true,
  run_at: true,
  watched: true,
  repo: true,
  harness: true,
  labels: true,
  correlation_id: true,
  session_key: true,
  cause_id: true,
  hops: true,
  idempotency_key: true,
  body_hash: true,
  created_at: true,
  created_by: true,
  queued_at: true,
  ended_at: true,
}

const attempts: Readonly<Record<keyof AttemptsTable, true>> = {
  id: true,
  task_id: true,
  team_id: true,
  n: true,
  epoch: true,
  daemon_id: true,
  daemon_name: true,
  profile_id: true,
  profile_cid: true,
  claimed_at: true,
  state: true,
  ownership: true,
  reason: true,
  ended_at: true,
  ending: true,
  open: true,
  leased: true,
  asks: true,
  asks_since: true,
  waited_ms: true,
  harness: true,
  harness_version: true,
  model: true,
  containment: true,
  takes_messages: true,
  session_ref: true,
  running_at: true,
  timeout_at: true,
  lease_until: true,
  last_heartbeat_at: true,
  last_event_at: true,
  event_count: true,
  outcome: true,
  salvaged: true,
}

/** All columns of a task, of `t` and of `h`. */
export const taskColumns = named(tasks, 't.')
export const headColumns = named(tasks, 'h.')

/** All columns of an attempt. */
export const attemptColumns = named(attempts, '')

function named(columns: Readonly<Record<string, true>>, prefix: string): string {
  return Object.keys(columns)
    .map((column) => `${prefix}${column}`)
    .join(', ')
}

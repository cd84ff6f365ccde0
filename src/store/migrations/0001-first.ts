// Version 1: every table of the first release. Never edited once released; a change is a new file.

import type { Migration } from './migration.ts'

export const first: Migration = {
  version: 1,
  name: 'first',
  up: ({ int, serial, clustered }) => [
    `create table settings (name text primary key, value text not null)`,
    `create table teams (id text primary key, name text not null unique, created_at ${int} not null)`,
    `create table tokens (
      id text primary key, hash text not null unique, name text not null, team_id text not null references teams (id),
      scopes text not null, kind text not null, created_by text not null, created_at ${int} not null,
      expires_at ${int}, last_used_at ${int}, revoked_at ${int})`,
    `create index tokens_team on tokens (team_id)`,
    `create table pools (
      id text primary key, team_id text not null references teams (id), name text not null, connector text,
      created_at ${int} not null, unique (team_id, name))`,
    `create table profiles (
      id text primary key, team_id text not null references teams (id), name text not null, version ${int} not null,
      cid text not null, settings text not null, created_at ${int} not null, updated_at ${int} not null, unique (team_id, name))`,
    `create table daemons (
      id text primary key, team_id text not null references teams (id), key_hash text not null, boot_id text not null,
      name text not null, offer text not null, pool_id text, profile_ids text not null, connection_id text,
      drain_asked ${int} not null, draining ${int} not null, running ${int} not null, free_disk ${int}, free_memory ${int},
      registered_at ${int} not null, last_seen_at ${int} not null, message_seq ${int} not null, unique (team_id, key_hash))`,
    `create table daemon_repos (
      team_id text not null, slug text not null, daemon_id text not null references daemons (id) on delete cascade,
      primary key (team_id, slug, daemon_id))${clustered}`,
    `create index daemon_repos_daemon on daemon_repos (daemon_id)`,
    `create table daemon_messages (
      daemon_id text not null references daemons (id) on delete cascade, seq ${int} not null, type text not null,
      body text not null, created_at ${int} not null, primary key (daemon_id, seq))${clustered}`,
    `create table lanes (id ${serial}, team_id text not null, lane_key text not null unique, needs text not null)`,
    ...tasks(int, serial),
    `create table task_log (
      task_id text not null, seq ${int} not null, at ${int} not null, actor text not null, cause text, entry text not null,
      primary key (task_id, seq))${clustered}`,
    `create table condition_refs (
      ref_task_id text not null, task_id text not null, primary key (ref_task_id, task_id))${clustered}`,
    `create index condition_refs_task on condition_refs (task_id)`,
    ...attempts(int),
    `create table event_chunks (
      attempt_id text not null, last_seq ${int} not null, data text not null, primary key (attempt_id, last_seq))`,
    `create table salvage (
      attempt_id text not null, cid text not null, task_id text not null, at ${int} not null, kind text not null,
      doc text not null, primary key (attempt_id, cid))`,
    `create table requests (
      id text primary key, team_id text not null, task_id text not null, attempt_id text not null, daemon_id text not null,
      state text not null, doc text not null, created_at ${int} not null, expires_at ${int} not null, answer text)`,
    `create index requests_open on requests (team_id, created_at) where state = 'open'`,
    `create index requests_due on requests (expires_at) where state = 'open'`,
    `create index requests_attempt on requests (attempt_id)`,
    `create table blobs (
      team_id text not null, cid text not null, bytes ${int} not null, created_at ${int} not null,
      primary key (team_id, cid))${clustered}`,
  ],
}

function tasks(int: string, serial: string): string[] {
  return [
    `create table tasks (
      seq ${serial}, id text not null unique, team_id text not null, lane_id ${int} not null, fallback_lane_id ${int},
      pin_until ${int}, sticky_daemon text, version ${int} not null, state text not null, reason text, verdict text, status text not null,
      spent text not null, epoch ${int} not null, doc text not null, claimable ${int} not null, priority ${int} not null,
      wake_at ${int}, expire_at ${int}, run_at ${int}, watched ${int} not null, repo text, harness text,
      labels text not null, correlation_id text, session_key text, cause_id text, hops ${int} not null,
      idempotency_key text, body_hash text, created_at ${int} not null, created_by text not null,
      queued_at ${int}, ended_at ${int})`,
    // A claim is one seek here per lane that fits; nothing else may filter the queue.
    `create index tasks_claimable on tasks (lane_id, priority desc, seq) where claimable = 1`,
    `create unique index tasks_idempotency on tasks (team_id, idempotency_key) where idempotency_key is not null`,
    `create index tasks_team on tasks (team_id, seq)`,
    `create index tasks_open on tasks (team_id, state, lane_id) where ended_at is null`,
    `create index tasks_correlation on tasks (team_id, correlation_id, seq) where correlation_id is not null`,
    `create index tasks_wake on tasks (wake_at) where wake_at is not null`,
    `create index tasks_expire on tasks (expire_at) where expire_at is not null`,
    `create index tasks_pinned on tasks (pin_until) where pin_until is not null`,
  ]
}

function attempts(int: string): string[] {
  return [
    `create table attempts (
      id text primary key, task_id text not null, team_id text not null, n ${int} not null, epoch ${int} not null,
      daemon_id text not null, daemon_name text not null, profile_id text, profile_cid text, claimed_at ${int} not null,
      state text not null, ownership text, reason text, ended_at ${int}, ending text, open ${int} not null,
      leased ${int} not null, asks ${int} not null, harness text, harness_version text, model text, containment text,
      session_ref text, running_at ${int}, timeout_at ${int}, lease_until ${int}, last_heartbeat_at ${int},
      last_event_at ${int}, event_count ${int} not null, outcome text, salvaged ${int} not null, unique (task_id, n))`,
    `create index attempts_daemon on attempts (daemon_id) where open = 1`,
    `create index attempts_leased on attempts (lease_until) where leased = 1`,
    `create index attempts_timeout on attempts (timeout_at) where open = 1 and leased = 0 and asks = 0`,
    `create index attempts_ended on attempts (ended_at) where ended_at is not null`,
  ]
}

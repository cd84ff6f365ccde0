// Version 3: sessions, and the tasks of one.

import type { Migration } from './migration.ts'

export const sessions: Migration = {
  version: 3,
  name: 'sessions',
  up: ({ int }) => [
    `create table sessions (
      id text primary key, team_id text not null, correlation_id text, repo text, harness text, daemon_id text not null,
      daemon_name text not null, session_ref text not null, session_cid text, branch text, title text not null,
      last_task_id text not null, last_attempt_id text not null, created_at ${int} not null, updated_at ${int} not null,
      closed_at ${int})`,
    `alter table attempts add column takes_messages ${int}`,
    `create index sessions_team on sessions (team_id, updated_at desc, id)`,
    `create index tasks_session on tasks (session_key, seq) where session_key is not null`,
  ],
}

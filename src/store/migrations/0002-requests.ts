// Version 2: since when an attempt waits for people, and requests found by task and by team.

import type { Migration } from './migration.ts'

export const requests: Migration = {
  version: 2,
  name: 'requests',
  up: ({ int }) => [
    `alter table attempts add column asks_since ${int}`,
    `create index requests_task on requests (task_id, created_at)`,
    `create index requests_team on requests (team_id, created_at)`,
  ],
}

// Version 5: who changed what, beside the logs of the tasks themselves.

import type { Migration } from './migration.ts'

export const audit: Migration = {
  version: 5,
  name: 'audit',
  up: ({ int, serial }) => [
    `create table audit (
      seq ${serial}, team_id text not null, at ${int} not null, actor text not null, operation text not null, target text)`,
    `create index audit_team on audit (team_id, seq)`,
  ],
}

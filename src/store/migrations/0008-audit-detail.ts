// Version 8: what a call in the audit log asked for, from where, and whether its end is known.

import type { Migration } from './migration.ts'

export const auditDetail: Migration = {
  version: 8,
  name: 'audit-detail',
  up: ({ int }) => [
    `alter table audit add column detail text`,
    `alter table audit add column address text`,
    `alter table audit add column unfinished ${int} not null default 0`,
  ],
}

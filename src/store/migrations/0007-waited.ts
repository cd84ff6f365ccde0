// Version 7: how long attempts waited for people, ended requests found by their age, and words for agents kept until it is known that they
// were heard.

import type { Migration } from './migration.ts'

export const waited: Migration = {
  version: 7,
  name: 'waited',
  up: ({ int }) => [
    `alter table attempts add column waited_ms ${int} not null default 0`,
    `create index requests_ended on requests (created_at) where state <> 'open'`,
    `alter table daemon_messages add column acked_at ${int}`,
  ],
}

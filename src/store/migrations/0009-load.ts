// Version 9: how busy the processors of each host are.

import type { Migration } from './migration.ts'

export const load: Migration = {
  version: 9,
  name: 'load',
  up: () => [`alter table daemons add column load_average double precision`],
}

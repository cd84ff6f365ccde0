// Version 4: the tasks that came of a task are counted at each creation by an agent.

import type { Migration } from './migration.ts'

export const causes: Migration = {
  version: 4,
  name: 'causes',
  up: () => ['create index tasks_cause on tasks (cause_id) where cause_id is not null'],
}

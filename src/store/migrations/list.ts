// All migrations, oldest first. Append only.

import { first } from './0001-first.ts'
import { requests } from './0002-requests.ts'
import { sessions } from './0003-sessions.ts'
import { causes } from './0004-causes.ts'
import { audit } from './0005-audit.ts'
import { access } from './0006-access.ts'
import { waited } from './0007-waited.ts'
import { auditDetail } from './0008-audit-detail.ts'
import { load } from './0009-load.ts'
import type { Migration } from './migration.ts'

export const migrations: readonly Migration[] = [
  first,
  requests,
  sessions,
  causes,
  audit,
  access,
  waited,
  auditDetail,
  load,
]

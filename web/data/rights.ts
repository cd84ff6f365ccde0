// What the person may do, so that nobody is offered what would be refused. The server decides.

import { useQuery } from '@tanstack/react-query'
import type { Role } from '../../src/core/role.ts'
import { reaches } from '../../src/core/role.ts'
import { whoami } from './queries.ts'

export interface Rights {
  /** Gives tasks, answers, reviews. */
  readonly gives: boolean
  /** Stops and resumes hosts. */
  readonly drains: boolean
  /** Changes profiles, pools and models, forgets hosts, reads the audit log. */
  readonly manages: boolean
  /** Changes members and tokens. */
  readonly owns: boolean
}

/** Until the server has said who it is, nothing is offered. */
export function useRights(): Rights {
  const me = useQuery(whoami).data
  const is = (role: Role) => me !== undefined && reaches(me.role, role)
  const scoped = me?.scopes.includes('admin') ?? false
  return { gives: is('member'), drains: is('manager'), manages: scoped && is('manager'), owns: scoped && is('owner') }
}

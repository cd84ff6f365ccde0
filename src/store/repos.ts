// Repositories, as daemons registered them: slugs only; paths stay on the hosts.

import { sql } from 'kysely'
import type { Tx, Work } from './port.ts'
import { change, first, rowsOf } from './query.ts'

export interface RepoRecord {
  readonly slug: string
  /** Registered daemons that serve it. */
  readonly daemons: number
  readonly connected: number
}

/** The team's repositories, by slug. */
export function* listRepos(tx: Tx, teamId: string): Work<RepoRecord[]> {
  return yield* rowsOf(
    tx,
    sql<RepoRecord>`select r.slug, count(*) as daemons,
        sum(case when d.connection_id is null then 0 else 1 end) ${sql.raw(tx.dialect === 'postgres' ? '::bigint' : '')} as connected
      from daemon_repos r join daemons d on d.id = r.daemon_id where r.team_id = ${teamId}
      group by r.slug order by r.slug`,
  )
}

/** True when a registered daemon of the team serves it, connected or not. */
export function* knownRepo(tx: Tx, teamId: string, slug: string): Work<boolean> {
  const query = tx.db.selectFrom('daemon_repos').select('slug').where('team_id', '=', teamId).where('slug', '=', slug)
  return (yield* first(query.limit(1).compile())) !== null
}

/** What a daemon serves from now on, replacing what it did. */
export function* replaceRepos(tx: Tx, teamId: string, daemonId: string, slugs: readonly string[]): Work<void> {
  yield* change(tx.db.deleteFrom('daemon_repos').where('daemon_id', '=', daemonId).compile())
  const rows = [...new Set(slugs)].map((slug) => ({ team_id: teamId, slug, daemon_id: daemonId }))
  if (rows.length > 0) yield* change(tx.db.insertInto('daemon_repos').values(rows).compile())
}

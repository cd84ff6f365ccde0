// The board's columns: which tasks stand where. The conditions say in SQL what core/board.ts says of one task; a test holds them together.

import type { RawBuilder } from 'kysely'
import { sql } from 'kysely'
import type { BoardGroup } from '../core/board.ts'
import { spellId } from '../core/id.ts'
import type { TaskRecord, Tx, Work } from './port.ts'
import { rowsOf } from './query.ts'
import type { TaskRow } from './task-rows.ts'
import { recordsOf } from './task-rows.ts'
import { filters, selectTask } from './tasks.ts'

export interface BoardQuery {
  readonly teamId: string
  readonly text?: string | undefined
  readonly repo?: string | undefined
  readonly harness?: string | undefined
  /** Id. */
  readonly pool?: string | undefined
  /** Id of a daemon that ran it. */
  readonly daemon?: string | undefined
  readonly label?: string | undefined
  readonly createdBy?: string | undefined
  /** Ended tasks made before this are left out, ms. */
  readonly since: number
  /** An agent that last spoke before this is stalled, ms. */
  readonly stalledBefore: number
}

/** Counting stops here: a column says `1000+`. */
export const countLimit = 1_000

/** The seq of the first task made since then; one seek, because ids sort by birth. Null: there is none. */
export function* firstSeqSince(tx: Tx, since: number): Work<number | null> {
  const from = spellId('task', since, new Uint8Array(16))
  const [row] = yield* rowsOf(tx, sql<{ seq: number }>`select seq from tasks where id >= ${from} order by id limit 1`)
  return row?.seq ?? null
}

/** How many tasks stand there, at most `countLimit` + 1. */
export function* countGroup(tx: Tx, query: BoardQuery, at: { group: BoardGroup; firstSeq: number }): Work<number> {
  const where = sql.join(conditions(tx, query, at), sql` and `)
  const [row] = yield* rowsOf(
    tx,
    sql<{
      n: number
    }>`select count(*) as n from (select 1 as one from tasks t where ${where} limit ${countLimit + 1}) as found`,
  )
  return row?.n ?? 0
}

export interface GroupPage {
  readonly group: BoardGroup
  readonly firstSeq: number
  readonly cursor?: string | undefined
  readonly limit: number
}

/** A page of one column, newest first. */
export function* groupPage(
  tx: Tx,
  query: BoardQuery,
  { limit, ...at }: GroupPage,
): Work<{ readonly records: TaskRecord[]; readonly nextCursor: string | null }> {
  const where = sql.join(conditions(tx, query, at), sql` and `)
  // The places first, from an index alone: sorting whole rows of a long queue would cost its documents.
  const places = sql`select t.seq from tasks t where ${where} order by ${order(at.group)} desc limit ${limit + 1}`
  const rows = yield* rowsOf(tx, sql<TaskRow>`${selectTask} where t.seq in (${places}) order by t.seq desc`)
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const nextCursor = rows.length > limit && last !== undefined ? String(last.seq) : null
  return { records: yield* recordsOf(tx, shown), nextCursor }
}

/**
 * Few tasks are at work or parked at any time: they are found by state and sorted. The plus keeps the database from walking the whole queue in
 * its order to find them.
 */
function order(group: BoardGroup): RawBuilder<unknown> {
  const few = group === 'needs_you' || group === 'working' || group === 'parked'
  return few ? sql`+t.seq` : sql`t.seq`
}

function conditions(tx: Tx, query: BoardQuery, at: Omit<GroupPage, 'limit'>): RawBuilder<unknown>[] {
  const { teamId, repo, harness, daemon, label, text, pool, createdBy } = query
  const found: RawBuilder<unknown>[] = [...filters({ teamId, repo, harness, daemon, label, cursor: at.cursor })]
  if (text !== undefined && text.trim() !== '') found.push(sql`(t.id = ${text.trim()} or ${says(tx, text.trim())})`)
  if (pool !== undefined)
    found.push(sql`exists (select 1 from lanes p where p.id = coalesce(t.fallback_lane_id, t.lane_id)
      and p.needs like ${`%"pool":${JSON.stringify(pool)}%`})`)
  if (createdBy !== undefined) found.push(sql`t.created_by = ${createdBy}`)
  found.push(standing(at.group, query.stalledBefore))
  if (at.group === 'in_review' || at.group === 'done' || at.group === 'failed') found.push(sql`t.seq >= ${at.firstSeq}`)
  return found
}

/** Title or prompt have the text, in any case. */
function says({ dialect }: Tx, text: string): RawBuilder<unknown> {
  const pattern = `%${text.toLowerCase().replace(/[!%_]/g, '!$&')}%`
  const field = (name: 'title' | 'prompt') =>
    dialect === 'postgres'
      ? sql`t.doc::json->'spec'->>${sql.lit(name)}`
      : sql`json_extract(t.doc, ${sql.lit(`$.spec.${name}`)})`
  return sql`(lower(${field('title')}) like ${pattern} escape '!' or lower(${field('prompt')}) like ${pattern} escape '!')`
}

/** See groupOf. */
function standing(group: BoardGroup, stalledBefore: number): RawBuilder<unknown> {
  const open = sql`t.ended_at is null`
  switch (group) {
    case 'needs_you':
      return sql`${open} and t.state in ('preparing', 'running') and ${calls(stalledBefore)}`
    case 'working':
      return sql`${open} and t.state in ('preparing', 'running') and not ${calls(stalledBefore)}`
    case 'queued':
      return sql`${open} and t.state in ('waiting', 'queued')`
    case 'parked':
      return sql`${open} and t.state = 'parked'`
    case 'in_review':
      return sql`t.ended_at is not null and t.state = 'completed' and t.verdict = 'pending'`
    case 'done':
      return sql`t.ended_at is not null and (t.state = 'cancelled' or (t.state = 'completed' and t.verdict = 'accepted'))`
    case 'failed':
      return sql`t.ended_at is not null and (t.state in ('failed', 'expired') or (t.state = 'completed' and t.verdict = 'rejected'))`
  }
}

/** Its open attempt asks a person, or has been silent for long (as stalledSince says it). */
function calls(stalledBefore: number): RawBuilder<unknown> {
  return sql`exists (select 1 from attempts a where a.task_id = t.id and a.open = 1 and (a.asks > 0 or (a.state = 'running'
    and a.ownership = 'held' and coalesce(a.running_at, a.last_event_at) is not null
    and coalesce(a.last_event_at, 0) <= ${stalledBefore} and coalesce(a.running_at, 0) <= ${stalledBefore})))`
}

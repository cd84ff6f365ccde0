// The board: tasks by where they stand, and acting on several at once.

import { boardGroups } from '../../core/board.ts'
import { Problem } from '../../core/problem.ts'
import type { BoardColumn, Card, Job } from '../../protocol/board.ts'
import type { BoardQuery } from '../../store/board.ts'
import { countGroup, firstSeqSince, groupPage } from '../../store/board.ts'
import { findDaemon, listDaemons } from '../../store/daemons.ts'
import { findJobs } from '../../store/jobs.ts'
import { findPool, listPools } from '../../store/pools.ts'
import type { TaskRecord, Tx, Work } from '../../store/port.ts'
import { listProfiles } from '../../store/profiles.ts'
import type { AskedOf } from '../handler.ts'
import type { Plane } from '../plane.ts'
import { cardOf, jobOf } from './card.ts'
import { candidateOf } from './daemons.ts'
import { acceptTask, cancelTask, rejectTask, retryTask } from './tasks.ts'
import { needsFleet, whyNotAtWork } from './why.ts'

const dayMs = 86_400_000
const defaultDays = 30
const defaultColumn = 30
const defaultPage = 50

export async function getBoard(plane: Plane, asked: AskedOf<'getBoard'>): Promise<{ columns: BoardColumn[] }> {
  const { group: groups = [...boardGroups], cursor, limit = defaultColumn } = asked.query
  if (cursor !== undefined && groups.length !== 1)
    throw new Problem('invalid_request', 'a cursor belongs to one group; name it with group=')
  return plane.store.read(function* (tx) {
    const query = yield* boardQuery(plane, tx, asked)
    const firstSeq = (yield* firstSeqSince(tx, query.since)) ?? Number.MAX_SAFE_INTEGER
    const why = yield* whyOf(plane, tx, query.teamId)
    const columns: BoardColumn[] = []
    for (const group of groups) {
      const { records, nextCursor } = yield* groupPage(tx, query, { group, firstSeq, cursor, limit })
      const whole = nextCursor === null && cursor === undefined
      const count = whole ? records.length : yield* countGroup(tx, query, { group, firstSeq })
      const items: Card[] = records.map((each) => cardOf(each, { stalledBefore: query.stalledBefore, why: why(each) }))
      columns.push({ group, count, items, nextCursor })
    }
    return { columns }
  })
}

function* boardQuery(plane: Plane, tx: Tx, { caller, query }: AskedOf<'getBoard'>): Work<BoardQuery> {
  const { pool, daemon, days = defaultDays, group: _1, cursor: _2, limit: _3, ...rest } = query
  const { teamId } = caller
  return {
    ...rest,
    teamId,
    // one that is gone is still the one that ran a task, or was asked for: its id is taken as it is
    pool: pool === undefined ? undefined : ((yield* findPool(tx, teamId, pool))?.id ?? pool),
    daemon: daemon === undefined ? undefined : ((yield* findDaemon(tx, teamId, daemon))?.id ?? daemon),
    since: tx.now - days * dayMs,
    stalledBefore: tx.now - plane.settings.stalledMs,
  }
}

/** The sentence for each task; the fleet is read once. */
function* whyOf({ settings }: Plane, tx: Tx, teamId: string): Work<(record: TaskRecord) => string | null> {
  const daemons = yield* listDaemons(tx, teamId)
  const profiles = yield* listProfiles(tx, teamId)
  const names = new Map([...daemons, ...profiles, ...(yield* listPools(tx, teamId))].map(({ id, name }) => [id, name]))
  const candidates = daemons
    .filter((each) => each.connectionId !== null)
    .map((each) => candidateOf(each, profiles, tx.now))
  const { now } = tx
  const stalledBefore = now - settings.stalledMs
  return (record) =>
    whyNotAtWork(record, { now, stalledBefore, names, candidates: needsFleet(record, now) ? candidates : [] })
}

interface Changes {
  changed: string[]
  refused: { id: string; code: string; detail: string }[]
}

/** Each task by itself: one that refuses holds up no other. */
export async function changeTasks(plane: Plane, asked: AskedOf<'changeTasks'>): Promise<Changes> {
  const { action, ids, message } = asked.body
  const answer: Changes = { changed: [], refused: [] }
  for (const id of new Set(ids)) {
    try {
      await changeOne(plane, action, { ...asked, params: { id }, body: message === undefined ? {} : { message } })
      answer.changed.push(id)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      answer.refused.push({ id, code: error.code, detail: error.detail })
    }
  }
  return answer
}

type Action = AskedOf<'changeTasks'>['body']['action']

function changeOne(plane: Plane, action: Action, asked: AskedOf<'cancelTask'>): Promise<unknown> {
  switch (action) {
    case 'cancel':
      return cancelTask(plane, asked)
    case 'accept':
      return acceptTask(plane, asked)
    case 'reject':
      return rejectTask(plane, asked)
    case 'retry':
      return retryTask(plane, { ...asked, body: {} })
  }
}

export async function listJobs(
  plane: Plane,
  { caller, query }: AskedOf<'listJobs'>,
): Promise<{ items: Job[]; nextCursor: string | null }> {
  const { state, daemon: named, cursor: before, limit = defaultPage } = query
  const { teamId } = caller
  return plane.store.read(function* (tx) {
    const daemon = named === undefined ? undefined : ((yield* findDaemon(tx, teamId, named))?.id ?? named)
    const found = yield* findJobs(tx, { teamId, state, daemon, before, limit: limit + 1 })
    const shown = found.slice(0, limit)
    const items = shown.flatMap(({ attemptId, record }) => {
      const attempt = record.attempts.find((each) => each.attempt.id === attemptId)
      return attempt === undefined ? [] : [jobOf(record, attempt, tx.now - plane.settings.stalledMs)]
    })
    return { items, nextCursor: found.length > limit ? (shown.at(-1)?.attemptId ?? null) : null }
  })
}

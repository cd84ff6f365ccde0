// B4: a claim costs the same whatever the queue's depth: 120 lanes, a daemon that fits 20 of them.

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { DaemonId } from '../src/core/id.ts'
import { systemClock } from '../src/lib/clock.ts'
import { makeId } from '../src/lib/ids.ts'
import { claimTasks } from '../src/store/claims.ts'
import { lanesAfter } from '../src/store/lanes.ts'
import { openSqliteStore } from '../src/store/sqlite.ts'
import { createTask } from '../src/store/tasks.ts'
import { createTeam } from '../src/store/teams.ts'
import type { Bench } from './bench.ts'
import type { Figure, Line } from './figure.ts'
import { compare } from './figure.ts'
import { interleaved, median, millis, quantile, type Sample } from './measure.ts'
import { newTask } from './tasks.ts'

const lanes = 120
const fitting = 20

export const depth: Figure = { id: 'B4', title: 'Claims at depth: 120 lanes, a daemon that fits 20', run }

async function run(bench: Bench): Promise<Line[]> {
  await using stack = new AsyncDisposableStack()
  const deep = await filled(bench, bench.count(1_000_000), stack)
  const shallow = await filled(bench, 1_000, stack)
  const count = bench.count(500)
  const found = await interleaved(bench.rounds, {
    deep: () => timed(count, deep),
    shallow: () => timed(count, shallow),
  })
  const line = (key: 'p50' | 'p99') => {
    const [ours, theirs] = [found.deep[key] ?? Number.NaN, found.shallow[key] ?? Number.NaN]
    const what = `one claim with 1M pending, ${key}, against 1k pending`
    return compare(what, 'µs', [ours * 1_000, 'at 1k', theirs * 1_000], { atMost: 1.3 })
  }
  return [line('p50'), line('p99')]
}

/** What is claimed is made again, untimed, so that the depth stays what it is. */
async function timed(count: number, { claim, refill }: Filled): Promise<Sample> {
  const found: number[] = []
  for (let n = 0; n < count; n += 1) {
    found.push(await millis(claim))
    await refill(n)
  }
  return { p50: median(found), p99: quantile(found, 0.99) }
}

interface Filled {
  readonly claim: () => Promise<void>
  readonly refill: (n: number) => Promise<unknown>
}

/** A database with so many pending tasks over all lanes; gives how to claim one, answered after fdatasync. */
async function filled(bench: Bench, count: number, stack: AsyncDisposableStack): Promise<Filled> {
  const path = join(bench.dir(), 'capstan.db')
  const teamId = makeId('team', 0)
  const seed = await openSqliteStore({ path, clock: systemClock })
  await seed.run((tx) => createTeam(tx, { id: teamId, name: 'bench' }))
  for (let n = 0; n < lanes; n += 1) {
    await seed.run((tx) => createTask(tx, newTask(teamId, { role: `role-${n}` })))
  }
  await seed.close()
  multiply(path, count)
  const store = await openSqliteStore({ path, clock: systemClock })
  stack.defer(() => store.close())
  const known = await store.read((tx) => lanesAfter(tx, 0))
  const fits = known.slice(0, fitting).map(({ id }) => ({ laneId: id, profileId: null, rank: 0 }))
  const daemonId = makeId('dmn', 0) as DaemonId // makeId gives one
  const claim = { daemonId, daemonName: 'bench', teamId, fits, max: 1, taskId: null, dispatchMs: 300_000 }
  return {
    claim: async () => {
      const taken = await store.run((tx) => claimTasks(tx, claim))
      if (taken.length !== 1) throw new Error(`a claim took ${taken.length} tasks`)
    },
    refill: (n) => store.run((tx) => createTask(tx, newTask(teamId, { role: `role-${n % fitting}` }))),
  }
}

/** Copies the tasks of the lanes until there are `count`: a million creations would only take longer. */
function multiply(path: string, count: number): void {
  const db = new DatabaseSync(path)
  const columns = db
    .prepare('select name from pragma_table_info(?)')
    .all('tasks')
    .map((row) => String(row.name))
    .filter((name) => name !== 'seq' && name !== 'id')
    .join(', ')
  db.exec(`PRAGMA synchronous=OFF; PRAGMA cache_size=-262144;
    with recursive n(i) as (select 1 union all select i + 1 from n where i < ${Math.ceil(count / lanes)})
    insert into tasks (id, ${columns}) select 'task_' || printf('%09d%05d', n.i, t.seq), ${columns.replaceAll(/\b(\w+)\b/g, 't.$1')} from n, tasks t;
    PRAGMA wal_checkpoint(truncate)`)
  db.close()
}

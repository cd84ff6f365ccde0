// B5: three replicas on one PostgreSQL with its durability on, against raw inserts and against graphile-worker on the same server.

import pg from 'pg'
import type { DaemonId } from '../src/core/id.ts'
import { makeId } from '../src/lib/ids.ts'
import { claimTasks } from '../src/store/claims.ts'
import { lanesAfter } from '../src/store/lanes.ts'
import type { Store } from '../src/store/port.ts'
import { openPostgresStore } from '../src/store/postgres.ts'
import { createTask } from '../src/store/tasks.ts'
import { createTeam } from '../src/store/teams.ts'
import type { Bench } from './bench.ts'
import { type Place, queueAt, startServerProcess } from './capstan.ts'
import type { Figure, Line } from './figure.ts'
import { compare } from './figure.ts'
import { interleaved, rate, type Sample } from './measure.ts'
import { openGraphile } from './peers/graphile-worker.ts'
import type { Process } from './processes.ts'
import { drained, type Queue } from './queue.ts'
import type { ServerLine } from './server-process.ts'
import { newTask } from './tasks.ts'

const connections = 16
const replicas = 3

export const postgres: Figure = { id: 'B5', title: 'PostgreSQL with three replicas', run }

async function run(bench: Bench): Promise<Line[]> {
  return [...(await creates(bench)), ...(await drains(bench)), await kill(bench), await foreignSnapshot(bench)]
}

async function creates(bench: Bench): Promise<Line[]> {
  await using stack = new AsyncDisposableStack()
  const servers = await startReplicas(bench, stack)
  const queue = stack.use(queueAt(servers.map((each) => each.line)))
  const { store, teamId } = await openStore(await bench.database(), stack)
  const pool = new pg.Pool({ connectionString: await bench.database(), max: connections })
  stack.defer(() => pool.end())
  await pool.query('create table jobs (id bigserial primary key, state text not null, doc text not null)')
  const doc = JSON.stringify(newTask(teamId).spec)
  const found = await interleaved(bench.rounds, {
    raw: async () => ({
      rate: await rate(bench.count(4_000), connections, () =>
        pool.query({ name: 'insert', text: 'insert into jobs (state, doc) values ($1, $2)', values: ['queued', doc] }),
      ),
    }),
    store: async () => ({
      rate: await rate(bench.count(4_000), 512, () =>
        store.run((tx) => createTask(tx, newTask(teamId)), { group: true, independent: true }),
      ),
    }),
    http: async () => ({ rate: await rate(bench.count(4_000), 96, () => queue.add()) }),
  })
  const get = (name: keyof typeof found) => found[name].rate ?? Number.NaN
  const peer = `raw single-row inserts, ${connections} connections`
  return [
    compare('creates through the store’s batch path', 'tasks/s', [get('store'), peer, get('raw')], { atLeast: 3 }),
    compare('creates over HTTP, three replicas', 'tasks/s', [get('http'), peer, get('raw')], { atLeast: 0.7 }),
  ]
}

async function drains(bench: Bench): Promise<Line[]> {
  await using stack = new AsyncDisposableStack()
  const servers = await startReplicas(bench, stack)
  const url = await bench.database()
  const count = bench.count(4_000)
  const turn = async (queue: Queue): Promise<Sample> => {
    await using open = queue
    return await drained(open, count)
  }
  const found = await interleaved(bench.rounds, {
    capstan: () =>
      turn(
        queueAt(
          servers.map((each) => each.line),
          { daemons: 6, batch: 50 },
        ),
      ),
    best: async () => turn(await openGraphile(url, 'best')),
    plain: async () => turn(await openGraphile(url, 'default')),
  })
  const get = (name: keyof typeof found) => found[name].rate ?? Number.NaN
  const what = 'drain through three replicas'
  return [
    compare(
      `${what}, against graphile-worker, best`,
      'tasks/s',
      [get('capstan'), 'graphile-worker, best', get('best')],
      { atLeast: 0.7 },
    ),
    compare(
      `${what}, against graphile-worker, default`,
      'tasks/s',
      [get('capstan'), 'graphile-worker, default', get('plain')],
      { atLeast: 3 },
    ),
  ]
}

/** Drains while one of the replicas is killed; then asks the database whether any attempt was granted twice. */
async function kill(bench: Bench): Promise<Line> {
  await using stack = new AsyncDisposableStack()
  const url = await bench.database()
  const servers = await startReplicas(bench, stack, url)
  const count = bench.count(3_000)
  await using queue = queueAt(servers.map((each) => each.line))
  await queue.addMany(count)
  const live: Place[] = servers.slice(1).map((each) => each.line)
  const [victim] = servers
  let ended = 0
  const killed = Promise.withResolvers<void>()
  const hear = {
    ended: () => {
      ended += 1
      if (ended === Math.floor(count / 10)) killed.resolve()
    },
  } // prettier
  const onAll = queueAt(
    servers.map((each) => each.line),
    { daemons: 6 },
  )
  const stop = await onAll.work(hear).catch(() => async () => {})
  await Promise.race([killed.promise, new Promise((resolve) => setTimeout(resolve, 10_000))])
  await victim?.stop('SIGKILL')
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  await stop().catch(() => {}) // the daemons of the killed replica
  await onAll[Symbol.asyncDispose]()
  const rest = queueAt(live, { daemons: 2 })
  const stopRest = await rest.work({})
  await new Promise((resolve) => setTimeout(resolve, bench.rounds * 1_000))
  await stopRest()
  await rest[Symbol.asyncDispose]()
  const doubled = await doubleClaims(url)
  const goal = { atMost: 0 } as const
  return {
    ...compare('tasks claimed twice while a replica was killed', 'tasks', [doubled, 'one', 1], goal),
    note: `${count} tasks, ${ended} ended in the first part`,
  }
}

/** Tasks that two open attempts own, or whose attempts share an epoch. */
async function doubleClaims(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query(
      `select count(*)::int as n from (select task_id from attempts group by task_id
        having count(*) filter (where open = 1) > 1 or count(*) <> count(distinct epoch)) doubled`,
    )
    return Number(rows[0]?.n)
  } finally {
    await client.end()
  }
}

/** A transaction elsewhere that reads and does not end: what it sees may not be cleaned up, and claims must not wade through it. */
async function foreignSnapshot(bench: Bench): Promise<Line> {
  const measure = async (foreign: boolean): Promise<Sample> => {
    await using stack = new AsyncDisposableStack()
    const url = await bench.database()
    const { store, teamId } = await openStore(url, stack)
    const probe = bench.count(1_000)
    const before = bench.count(10_000)
    const total = before + probe
    await rate(total, 512, () => store.run((tx) => createTask(tx, newTask(teamId)), { group: true, independent: true }))
    if (foreign) await holdSnapshot(url, stack)
    const fits = (await store.read((tx) => lanesAfter(tx, 0))).map(({ id }) => ({
      laneId: id,
      profileId: null,
      rank: 0,
    }))
    const claim = {
      daemonId: makeId('dmn', 0) as DaemonId,
      daemonName: 'bench',
      teamId,
      fits,
      taskId: null,
      dispatchMs: 300_000,
    } // makeId gives one
    const take = (max: number) => store.run((tx) => claimTasks(tx, { ...claim, max }))
    await rate(Math.ceil(before / 50), 4, () => take(50))
    return { rate: (await rate(Math.ceil(probe / 10), 4, () => take(10))) * 10 }
  }
  const found = await interleaved(bench.rounds, { held: () => measure(true), free: () => measure(false) })
  const values = [found.held.rate ?? Number.NaN, 'without one', found.free.rate ?? Number.NaN] as const
  return compare('claims after 10k, under a foreign snapshot', 'tasks/s', values, { atLeast: 0.8 })
}

async function holdSnapshot(url: string, stack: AsyncDisposableStack): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  stack.defer(() => client.end())
  await client.query('begin isolation level repeatable read')
  await client.query('select count(*) from tasks')
}

async function openStore(url: string, stack: AsyncDisposableStack): Promise<{ store: Store; teamId: string }> {
  const store = await openPostgresStore({ url })
  stack.defer(() => store.close())
  const teamId = makeId('team', 0)
  await store.run((tx) => createTeam(tx, { id: teamId, name: 'bench' }))
  return { store, teamId }
}

async function startReplicas(bench: Bench, stack: AsyncDisposableStack, url?: string): Promise<Process<ServerLine>[]> {
  const database = url ?? (await bench.database())
  const started: Process<ServerLine>[] = []
  const dataDir = bench.dir() // the tokens of the first are those of all
  for (let n = 0; n < replicas; n += 1) {
    const server = await startServerProcess({ database, dataDir })
    stack.defer(() => server.stop())
    started.push(server)
  }
  return started
}

// The store's contract on PostgreSQL with a real server, and what only replicas have.

import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { migrate } from '../../src/store/migrate.ts'
import { migrations } from '../../src/store/migrations/list.ts'
import type { Migration } from '../../src/store/migrations/migration.ts'
import { openStore } from '../../src/store/open.ts'
import type { Note, Store } from '../../src/store/port.ts'
import { openPostgresStore } from '../../src/store/postgres.ts'
import { unopened } from '../../src/store/postgres-errors.ts'
import { getSetting, setSetting } from '../../src/store/settings.ts'
import { createTeam, listTeams } from '../../src/store/teams.ts'
import { HandClock } from '../fakes/clock.ts'
import type { TestPostgres } from '../fakes/postgres.ts'
import { startPostgres, withoutPostgres } from '../fakes/postgres.ts'
import { storeContract } from './contract.ts'

describe.skipIf(withoutPostgres)('PostgreSQL', () => {
  let server: TestPostgres
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server?.stop())

  storeContract({
    dialect: 'postgres',
    open: async (clock) => {
      const url = await server.makeDatabase()
      return { store: await openPostgresStore({ url, clock }), another: () => openPostgresStore({ url, clock }) }
    },
  })

  test('two replicas that open a fresh database at once migrate it once', async () => {
    const url = await server.makeDatabase()
    const stores = await Promise.all([0, 1, 2, 3].map(() => openPostgresStore({ url })))
    await stores[0]?.run((tx) => createTeam(tx, { id: 'team_1', name: 'crew' }))
    expect(await stores[1]?.read((tx) => listTeams(tx))).toHaveLength(1)
    await closeAll(stores)
  })

  test('a migration that fails leaves the version before it', async () => {
    const store = await openPostgresStore({ url: await server.makeDatabase() })
    const broken: Migration = {
      version: migrations.length + 1,
      name: 'broken',
      up: () => ['create table half (id text)', 'nonsense'],
    }
    await expect(store.run((tx) => migrate(tx, [...migrations, broken]))).rejects.toThrow(/syntax/)
    const mended: Migration = { ...broken, up: () => ['create table half (id text)'] }
    expect(await store.run((tx) => migrate(tx, [...migrations, mended]))).toBe(migrations.length)
    expect(await store.run((tx) => migrate(tx, [...migrations, mended]))).toBe(migrations.length + 1)
    await store.close()
  })

  test('a database that is not there, cannot be reached or is misspelt is refused in one sentence without the password', async () => {
    const url = await server.makeDatabase()
    const missing = new URL(url)
    missing.pathname = '/no_such_database'
    const away = new URL(url)
    away.port = '1'
    away.hostname = 'localhost'
    const refusals = [
      [missing.href, 'configuration', /no_such_database: the database does not exist/],
      [away.href, 'unavailable', /localhost:1\/.* cannot be reached \(.*ECONNREFUSED/],
      ['postgres://[bad', 'configuration', /not a valid address/],
    ] as const
    for (const [each, code, words] of refusals) {
      const error: unknown = await openPostgresStore({ url: each }).catch((caught: unknown) => caught)
      expect(error).toMatchObject({ code, detail: expect.stringMatching(words) })
    }
    const wrong = Object.assign(new Error('password authentication failed for user "ann"'), { code: '28P01' })
    expect(unopened(wrong, 'postgres://ann:secret@db.example/x')).toMatchObject({
      code: 'configuration',
      detail: expect.stringMatching(/^PostgreSQL db\.example\/x refuses the user or the password (?!.*secret)/),
    })
  })

  test('a database of a newer version is refused', async () => {
    const url = await server.makeDatabase()
    const store = await openPostgresStore({ url })
    await store.run(function* (tx) {
      yield tx.db.insertInto('migrations').values({ version: 99, name: 'later', applied_at: 0 }).compile()
    })
    await store.close()
    await expect(openPostgresStore({ url })).rejects.toMatchObject({ code: 'configuration' })
  })

  test('a server that is not there is said so', async () => {
    const opened = openStore({ url: 'postgres://nobody@127.0.0.1:1/none', clock: new HandClock() })
    await expect(opened).rejects.toMatchObject({ code: 'unavailable' })
  })

  test('notes reach the other replica once, and their sender once', async () => {
    const url = await server.makeDatabase()
    const [here, there] = await Promise.all([openPostgresStore({ url }), openPostgresStore({ url })])
    const heard: Record<'here' | 'there', Note[]> = { here: [], there: [] }
    here.listen((note) => heard.here.push(note))
    there.listen((note) => heard.there.push(note))
    // More than one NOTIFY holds.
    const ids = Array.from({ length: 400 }, (_, n) => `dmn_${n}`)
    await here.run(function* (tx) {
      for (const daemonId of ids) tx.notify({ kind: 'message', daemonId })
      yield* setSetting(tx, 'x', 1)
    })
    expect(heard.here).toHaveLength(400)
    await expect.poll(() => heard.there.length).toBe(400)
    expect(heard.there).toEqual(heard.here)
    await closeAll([here, there])
    expect(heard.here).toHaveLength(400)
  })

  test('after its connections were cut a store works again, hears again, and an unfinished command is refused as unavailable', async () => {
    const url = await server.makeDatabase()
    const [here, there] = await Promise.all([openPostgresStore({ url }), openPostgresStore({ url })])
    await here.run((tx) => setSetting(tx, 'x', 0))
    const stuck = here.run(function* (tx) {
      yield* setSetting(tx, 'x', 1)
      yield { sql: 'select pg_sleep(20)', parameters: [] }
    })
    const refused = expect(stuck).rejects.toMatchObject({ code: 'unavailable' })
    await expect.poll(() => asleep(url)).toBe(1)
    await server.cutConnections(url)
    await refused
    expect(await here.read((tx) => getSetting(tx, 'x'))).toBe(0)
    const heard: Note[] = []
    there.listen((note) => heard.push(note))
    const tell = () =>
      here.run(function* (tx) {
        tx.notify({ kind: 'fleet', teamId: 'team_1' })
        yield* setSetting(tx, 'told', true)
      })
    await expect
      .poll(
        async () => {
          await tell()
          return heard.length
        },
        { timeout: 10_000 },
      )
      .toBeGreaterThan(0)
    await closeAll([here, there])
  })

  test('one replica leads at a time; when its connection dies its work is stopped and leadership goes on', async () => {
    const url = await server.makeDatabase()
    const stores = await Promise.all([0, 1, 2].map(() => openPostgresStore({ url })))
    const stop = new AbortController()
    let leading = 0
    let terms = 0
    let most = 0
    const leads = stores.map((store) =>
      store
        .lead(async (signal) => {
          leading += 1
          terms += 1
          most = Math.max(most, leading)
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
          leading -= 1
        }, stop.signal)
        .catch(() => {}),
    )
    await expect.poll(() => leading, { timeout: 5_000 }).toBe(1)
    await server.cutConnections(url)
    await expect.poll(() => terms, { timeout: 10_000 }).toBe(2)
    expect(leading).toBe(1)
    stop.abort()
    await Promise.all(leads)
    expect(most).toBe(1)
    await closeAll(stores)
  })

  test('a command that the database chose as a deadlock’s victim is run again', async () => {
    const url = await server.makeDatabase()
    const store = await openPostgresStore({ url })
    await store.run((tx) => setSetting(tx, 'a', 0))
    await store.run((tx) => setSetting(tx, 'b', 0))
    const both = (first: string, second: string) =>
      store.run(function* (tx) {
        yield* setSetting(tx, first, 1)
        yield { sql: 'select pg_sleep(0.2)', parameters: [] }
        yield* setSetting(tx, second, 1)
        return 'done'
      })
    expect(await Promise.all([both('a', 'b'), both('b', 'a')])).toEqual(['done', 'done'])
    await store.close()
  })

  test('the database’s clock is the time of every replica', async () => {
    const url = await server.makeDatabase()
    const store = await openPostgresStore({ url })
    const now = await store.run(function* (tx) {
      yield* setSetting(tx, 'x', 1)
      return tx.now
    })
    const client = new pg.Client(url)
    await client.connect()
    const { rows } = await client.query('select extract(epoch from now()) * 1000 as now')
    await client.end()
    expect(Math.abs(Number(rows[0].now) - now)).toBeLessThan(5_000)
    await store.close()
  })
})

async function asleep(url: string): Promise<number> {
  const client = new pg.Client(url)
  await client.connect()
  const sql = `select 1 from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'`
  const { rows } = await client.query(sql)
  await client.end()
  return rows.length
}

async function closeAll(stores: readonly Store[]): Promise<void> {
  await Promise.all(stores.map((store) => store.close()))
}

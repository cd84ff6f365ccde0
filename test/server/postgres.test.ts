// The server on PostgreSQL, and two replicas of it on one database.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeClient } from '../../src/client/client.ts'
import { followTeam } from '../../src/client/team.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { Output, QueryIn } from '../../src/protocol/operations.ts'
import type { RunningServer } from '../../src/server/server.ts'
import { startServer } from '../../src/server/server.ts'
import type { TestPostgres } from '../fakes/postgres.ts'
import { startPostgres, withoutPostgres } from '../fakes/postgres.ts'
import { endOf, FakeDaemon, problemOf, runOf, texts, until } from './world.ts'

describe.skipIf(withoutPostgres)('two replicas on PostgreSQL', () => {
  let postgres: TestPostgres
  let database: string
  let a: RunningServer
  let b: RunningServer
  const dir = mkdtempSync(join(tmpdir(), 'capstan-replicas-'))

  beforeAll(async () => {
    postgres = await startPostgres()
    database = await postgres.makeDatabase()
    const start = (name: string) =>
      startServer({
        database,
        dataDir: join(dir, name),
        listen: { host: '127.0.0.1', port: 0 },
        version: 'test',
        clock: systemClock,
        log: silentLog,
        settings: { relookMs: 500, tokenFlushMs: 200, closeTimeoutMs: 2_000 },
      })
    a = await start('a')
    b = await start('b')
  })
  afterAll(async () => {
    await a?.close()
    await b?.close()
    await postgres?.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  test('the board, jobs, figures and the audit log are read, and a change is heard at the other replica', async () => {
    const [here, there] = [a, b].map(({ url, token }) => makeClient({ url, token }))
    if (here === undefined || there === undefined) throw new Error('two replicas')
    const over = new AbortController()
    const heard: unknown[] = []
    const listening = (async () => {
      for await (const news of followTeam({ url: b.url, token: b.token }, { signal: over.signal })) heard.push(news)
    })()
    await until(() => heard.length > 0, 'the stream')
    const { id } = await here.call('createTask', {
      body: { prompt: 'Paint the Gate', harness: 'shell', title: 'Gate' },
    })
    await until(() => JSON.stringify(heard).includes(id), 'the news at the other replica')
    const found = await there.call('getBoard', { query: { text: 'paint THE', createdBy: 'user:local' } })
    expect(found.columns.flatMap((column) => column.items.map((card) => [column.group, card.title]))).toEqual([
      ['queued', 'Gate'],
    ])
    await there.call('changeTasks', { body: { action: 'cancel', ids: [id] } })
    expect((await here.call('getBoard', { query: { text: id, group: 'done' } })).columns[0]?.count).toBe(1)
    expect((await here.call('listJobs', {})).items).toEqual([])
    expect((await here.call('getStats', {})).outcomes).toEqual([])
    expect((await here.call('listAudit', {})).items[0]).toMatchObject({ operation: 'changeTasks' })
    over.abort()
    await listening
  })

  test('no line of the audit log is lost between pages, although two replicas numbered lines in another order than their times', async () => {
    const client = makeClient({ url: a.url, token: a.token })
    for (const n of [1, 2, 3]) {
      await client.call('createPool', { body: { name: `skewed-${n}` } })
      await client.call('createTask', { body: { prompt: 'x', role: 'none' } })
    }
    const sql = new pg.Client({ connectionString: database })
    await sql.connect()
    await sql.query(`update audit set at = at + 60000 where detail like '%skewed-1%'`)
    await sql.query('update tasks set created_at = created_at - 60000 where seq = (select max(seq) from tasks)')
    await sql.end()
    const seen: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query: QueryIn<'listAudit'> = { with: 'tasks', limit: 1, ...(cursor === '' ? {} : { cursor }) }
      const page: Output<'listAudit'> = await client.call('listAudit', { query })
      seen.push(...page.items.map(({ source, seq }) => `${source} ${seq}`))
      cursor = page.nextCursor
    }
    const all = (await client.call('listAudit', { query: { with: 'tasks', limit: 200 } })).items
    expect(all.length).toBeGreaterThan(6)
    expect(seen).toEqual(all.map(({ source, seq }) => `${source} ${seq}`))
  })

  test('a task given to one reaches a daemon and a follower on the other', async () => {
    const client = makeClient({ url: a.url, token: a.token })
    const daemon = await FakeDaemon.open(b.url, b.daemonToken)
    await daemon.register()
    const held = daemon.claim(10_000)
    const task = await client.call('createTask', { body: { prompt: 'x', repo: 'acme/app' } })
    const [run] = (await held).assignments
    if (run === undefined) throw new Error('nothing was claimed')
    const seqs: number[] = []
    const following = (async () => {
      for await (const each of client.follow(task.id)) if (each.type === 'transcript') seqs.push(each.event.seq)
    })()
    await daemon.beat([runOf(run)])
    const claim = { attemptId: run.attemptId, epoch: run.epoch }
    await Promise.all([
      daemon.ask('events', { ...claim, events: texts(1, 20) }),
      daemon.ask('events', { ...claim, events: texts(21, 40) }),
    ])
    await daemon.ask('result', endOf(run))
    await following
    expect(seqs).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
    expect((await client.call('whoami', {})).server.store).toBe('postgres')
    await daemon.close()
  })

  test('a cancel at one and a revocation at one reach the daemon on the other', async () => {
    const client = makeClient({ url: a.url, token: a.token })
    const made = await client.call('createToken', { body: { name: 'far', scopes: ['daemon'] } })
    const daemon = await FakeDaemon.open(b.url, made.secret)
    await daemon.register({ key: 'key-of-the-far-daemon-00000' })
    const task = await client.call('createTask', { body: { prompt: 'x' } })
    const [run] = (await daemon.claim(10_000)).assignments
    if (run === undefined) throw new Error('nothing was claimed')
    await daemon.beat([runOf(run)])
    await client.call('cancelTask', { params: { id: task.id }, body: {} })
    const row = await until(() => daemon.pushed.find((each) => each.type === 'cancel'))
    expect(row.body).toEqual({ attemptId: run.attemptId, epoch: run.epoch })
    await client.call('revokeToken', { params: { id: made.id } })
    expect((await daemon.closed).code).toBe(4401)
    expect((await problemOf(makeClient({ url: b.url, token: made.secret }).call('whoami', {}))).code).toBe(
      'unauthorized',
    )
  })
})

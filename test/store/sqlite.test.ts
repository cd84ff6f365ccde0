// The store's contract on SQLite, and what only SQLite has: one process, one file.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openSqlite } from '../../src/lib/sqlite.ts'
import { migrations } from '../../src/store/migrations/list.ts'
import { openStore } from '../../src/store/open.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { createTeam, listTeams } from '../../src/store/teams.ts'
import { HandClock } from '../fakes/clock.ts'
import { storeContract } from './contract.ts'

const folder = mkdtempSync(join(tmpdir(), 'capstan-store-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function fresh(): string {
  files += 1
  return join(folder, `${files}.db`)
}

storeContract({
  dialect: 'sqlite',
  open: async (clock) => {
    const path = fresh()
    return { store: await openSqliteStore({ path, clock }), another: () => openSqliteStore({ path, clock }) }
  },
})

test('a second server on the same file is refused with the first one’s pid', async () => {
  const path = fresh()
  const store = await openStore({ url: path, clock: new HandClock() })
  const second = openStore({ url: path, clock: new HandClock() })
  await expect(second).rejects.toThrow(`another capstan server (pid ${process.pid}) uses ${folder}`)
  await store.run((tx) => createTeam(tx, { id: 'team_1', name: 'crew' }))
  await store.close()
  const third = await openStore({ url: path, clock: new HandClock() })
  expect(await third.read((tx) => listTeams(tx))).toHaveLength(1)
  await third.close()
})

test('of two servers that open a fresh file at once one migrates it and the other is refused', async () => {
  const path = fresh()
  const opened = await Promise.allSettled([0, 1].map(() => openSqliteStore({ path, clock: new HandClock() })))
  expect(opened.map((each) => each.status).sort()).toEqual(['fulfilled', 'rejected'])
  for (const each of opened) if (each.status === 'fulfilled') await each.value.close()
})

test('a server that was killed leaves no lock behind, and what it acknowledged is there', async () => {
  const path = fresh()
  const source = new URL('../../src/store/', import.meta.url).pathname
  const script = `
    import { openSqliteStore } from '${source}sqlite.ts'
    import { createTeam } from '${source}teams.ts'
    import { systemClock } from '${source}../lib/clock.ts'
    const store = await openSqliteStore({ path: process.argv[1], clock: systemClock })
    await store.run((tx) => createTeam(tx, { id: 'team_1', name: 'crew' }))
    process.kill(process.pid, 'SIGKILL')`
  const killed = spawnSync(process.execPath, ['--input-type=module', '-e', script, path], { timeout: 20_000 })
  expect(killed.signal).toBe('SIGKILL')
  const store = await openSqliteStore({ path, clock: new HandClock() })
  expect(await store.read((tx) => listTeams(tx))).toMatchObject([{ name: 'crew' }])
  await store.close()
})

test('a database of a newer version is refused and left as it was', async () => {
  const path = fresh()
  await (await openSqliteStore({ path, clock: new HandClock() })).close()
  const db = openSqlite(path)
  db.exec(`INSERT INTO migrations VALUES (99, 'later', 0)`)
  db.close()
  const known = migrations.length
  const sentence = `the database is at version 99, this capstan knows ${known}; upgrade capstan or restore a backup`
  for (let n = 0; n < 2; n += 1) {
    const opened = openSqliteStore({ path, clock: new HandClock() })
    await expect(opened).rejects.toMatchObject({ code: 'configuration', detail: sentence })
  }
})

test('the database and its lock are readable by their owner only', async () => {
  const path = fresh()
  const store = await openSqliteStore({ path, clock: new HandClock() })
  for (const file of [path, `${path}.lock`]) expect(statSync(file).mode & 0o077).toBe(0)
  await store.close()
})

test('a tick that cannot be written is refused to every caller in it, and the store goes on', async () => {
  const path = fresh()
  const store = await openSqliteStore({ path, clock: new HandClock() })
  const foreign = openSqlite(path)
  foreign.exec('BEGIN IMMEDIATE')
  const both = await Promise.allSettled(
    ['a', 'b'].map((name) => store.run((tx) => createTeam(tx, { id: `team_${name}`, name }))),
  )
  for (const each of both) expect(each).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } })
  foreign.exec('ROLLBACK')
  foreign.close()
  await store.run((tx) => createTeam(tx, { id: 'team_a', name: 'a' }))
  expect(await store.read((tx) => listTeams(tx))).toHaveLength(1)
  await store.close()
})

test('what is no SQLite database is refused with its path, and left alone', async () => {
  const clock = new HandClock()
  const own = join(folder, 'foreign')
  mkdirSync(own)
  const text = join(own, 'notes.txt')
  writeFileSync(text, 'a text that is no database at all')
  const refusals = [
    [text, /notes\.txt is no SQLite database/],
    [own, /foreign is a folder/],
    [join(own, 'no', 'such', 'folder.db'), /folder\.db cannot be opened/],
    ['mysql://root:secret@host/x', /mysql:\/\/ is not supported/],
  ] as const
  for (const [url, words] of refusals) {
    const error: unknown = await openStore({ url, clock }).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'configuration', detail: expect.not.stringContaining('secret') })
    expect(error).toMatchObject({ detail: expect.stringMatching(words) })
  }
  expect(readdirSync(own)).toEqual(['notes.txt'])
  expect(readFileSync(text, 'utf8')).toBe('a text that is no database at all')
})

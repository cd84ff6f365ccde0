// What setups left and package stores: kept while they are used, gone when not, and early when the disk is short.

import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { withLock } from '../../../src/lib/lock.ts'
import type { Place } from '../workspace/place.ts'
import { makePlace } from '../workspace/place.ts'
import { hourMs, makeHost } from './host.ts'

const dayMs = 24 * hourMs

function layer(place: Place, key: string, idleMs: number): string {
  const folder = join(place.folder, 'setups/team/app')
  mkdirSync(folder, { recursive: true })
  const at = new Date(Date.now() - idleMs)
  for (const name of ['tar', 'json', 'lock']) {
    writeFileSync(join(folder, `${key}.${name}`), name === 'lock' ? '' : '{}')
    utimesSync(join(folder, `${key}.${name}`), at, at)
  }
  return join(folder, `${key}.tar`)
}

/** One of the files alone, as a setup under way or a killed daemon leaves it. */
function part(place: Place, name: string, { text = '', idleMs = 0 } = {}): string {
  const path = join(place.folder, 'setups/team/app', name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  const at = new Date(Date.now() - idleMs)
  utimesSync(path, at, at)
  return path
}

function store(place: Place, name: string, idleMs: number): string {
  const path = join(place.folder, 'caches/team/app', name)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'package'), 'p')
  const at = new Date(Date.now() - idleMs)
  utimesSync(path, at, at)
  return path
}

test('what no run used for a week, and stores that none used for a month, go; a dry run says so', async () => {
  using place = makePlace()
  const { clean } = makeHost(place)
  const [old, used] = [layer(place, 'a1', 8 * dayMs), layer(place, 'b2', dayMs)]
  const [dusty, full] = [store(place, '.npm-1', 31 * dayMs), store(place, '.npm-2', 8 * dayMs)]
  const said = await clean({ dryRun: true })
  expect(said.removed.map(({ kind, path }) => [kind, path]).toSorted()).toEqual([
    ['cache', dusty],
    ['setup', old.replace('.tar', '')],
  ])
  expect([old, used, dusty, full].map(existsSync)).toEqual([true, true, true, true])
  await clean()
  expect([old, old.replace('.tar', '.lock'), used, dusty, full].map(existsSync)).toEqual([
    false,
    false,
    true,
    false,
    true,
  ])
})

test('a short disk takes what was used longest ago, but nothing that a setup may be filling', async () => {
  using place = makePlace()
  const { clean } = makeHost(place)
  const [older, newer, busy] = [
    layer(place, 'a1', 3 * hourMs),
    store(place, '.npm-1', 2 * hourMs),
    store(place, '.npm-2', 0),
  ]
  const report = await clean({ enough: () => !existsSync(older) })
  expect(report.removed).toMatchObject([{ kind: 'setup', why: 'the disk is short' }])
  expect([older, newer].map(existsSync)).toEqual([false, true])
  await clean({ enough: () => false })
  expect([newer, busy].map(existsSync)).toEqual([false, true])
})

test('what a killed daemon left half packed goes, and is counted; a setup that has just begun stays', async () => {
  using place = makePlace()
  const { clean } = makeHost(place)
  const [begun, half] = [part(place, 'a1.lock'), part(place, 'b2.tar.part', { text: 'half', idleMs: 2 * hourMs })]
  const packing = part(place, 'c3.tar.part', { text: 'packed' })
  part(place, 'c3.lock', { idleMs: 2 * hourMs })
  const { removed } = await clean({ enough: () => false })
  expect(removed).toMatchObject([{ path: half.replace('.tar.part', ''), bytes: 4 }])
  expect([begun, half, packing].map(existsSync)).toEqual([true, false, true])
})

test('a setup whose lock is held stays, however old its files are', async () => {
  using place = makePlace()
  const { clean } = makeHost(place)
  const [held, free] = [layer(place, 'a1', 9 * dayMs), layer(place, 'b2', 9 * dayMs)]
  const { removed } = await withLock(held.replace('.tar', '.lock'), {}, () => clean({ olderThanMs: 0 }))
  expect(removed.map(({ path }) => path)).toEqual([free.replace('.tar', '')])
  expect([held, free].map(existsSync)).toEqual([true, false])
  await clean({ olderThanMs: 0 })
  expect(existsSync(dirname(held))).toBe(false)
})

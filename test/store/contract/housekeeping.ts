// What is let go after days, in bounded batches, and what never is.

import { expect, test } from 'vitest'
import { addBlob } from '../../../src/store/blobs.ts'
import { disconnectDaemon } from '../../../src/store/daemons.ts'
import {
  anyHasBlob,
  blobsBefore,
  forgetBlob,
  forgetKeys,
  forgetMessages,
  referringTexts,
} from '../../../src/store/housekeeping.ts'
import { pendingMessages, sendMessage } from '../../../src/store/messages.ts'
import { createTask } from '../../../src/store/tasks.ts'
import type { Opener } from '../world.ts'
import { World } from '../world.ts'

const dayMs = 86_400_000

export function housekeepingContract(opener: Opener): void {
  test('old idempotency keys are forgotten in batches, young ones still give the same task', async () => {
    await using world = await World.make(opener)
    const given = (key: string) => world.newTask({ idempotency: { key, bodyHash: 'same' } })
    for (const key of ['a', 'b', 'c']) await world.create(given(key))
    world.clock.advance(dayMs)
    const young = await world.create(given('d'))
    const before = world.clock.now() - 1_000
    const looked: number[] = []
    for (let n = 0; n < 3; n += 1) looked.push(await world.store.run((tx) => forgetKeys(tx, { before, limit: 2 })))
    expect(looked).toEqual([2, 1, 0])
    expect((await world.store.run((tx) => createTask(tx, given('d')))).taskId).toBe(young)
    const again = given('a')
    expect((await world.store.run((tx) => createTask(tx, again))).taskId).toBe(again.id)
  })

  test('messages to a host that is away for days are forgotten; those to one that is connected or was heard are not', async () => {
    await using world = await World.make(opener)
    const [gone, here] = [await world.daemon('gone'), await world.daemon('here')]
    for (const id of [gone, here]) await world.store.run((tx) => sendMessage(tx, id, 'drain', { on: true }))
    await world.store.run((tx) => disconnectDaemon(tx, gone, 'connection of gone'))
    world.clock.advance(dayMs)
    const before = world.clock.now() - 1_000
    expect(await world.store.run((tx) => forgetMessages(tx, { before, limit: 10 }))).toBe(1)
    expect(await world.store.read((tx) => pendingMessages(tx, gone))).toEqual([])
    expect(await world.store.read((tx) => pendingMessages(tx, here))).toHaveLength(1)
  })

  test('a blob is old by the last time it was brought, and goes for one team only', async () => {
    await using world = await World.make(opener)
    const add = (cid: string, teamId: string = world.teamId) =>
      world.store.run((tx) => addBlob(tx, { cid, teamId, bytes: 1 }))
    await add('sha256-a')
    await add('sha256-b')
    await add('sha256-a', 'team_other')
    world.clock.advance(dayMs)
    await add('sha256-b')
    const before = world.clock.now() - 1_000
    const list = (limit: number, after: Parameters<typeof blobsBefore>[2] = null) =>
      world.store.read((tx) => blobsBefore(tx, { before, limit }, after))
    const [first] = await list(1)
    const rest = await list(5, first ?? null)
    expect([first, ...rest].map((blob) => blob?.cid)).toEqual(['sha256-a', 'sha256-a'])
    if (first === undefined) throw new Error('no blob')
    expect(await world.store.run((tx) => forgetBlob(tx, first))).toBe(true)
    expect(await world.store.run((tx) => forgetBlob(tx, first))).toBe(false)
    expect(await world.store.read((tx) => anyHasBlob(tx, 'sha256-a'))).toBe(true)
  })

  test('every text that may name a blob is read, batch by batch', async () => {
    await using world = await World.make(opener)
    const ids: string[] = []
    for (const prompt of ['sha256-one', 'sha256-two', 'three']) ids.push(await world.create({ spec: { prompt } }))
    const seen: string[] = []
    for (let after = ''; ; ) {
      const rows = await world.store.read((tx) => referringTexts(tx, 'tasks', after, 2))
      seen.push(...rows.map(({ at }) => at))
      if (rows.length < 2) break
      after = rows.at(-1)?.at ?? ''
    }
    expect(seen.sort()).toEqual(ids.sort())
    for (const place of ['attempts', 'salvage'] as const) {
      expect(await world.store.read((tx) => referringTexts(tx, place, '', 5))).toEqual([])
    }
  })
}

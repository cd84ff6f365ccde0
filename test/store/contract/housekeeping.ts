// What is let go after days, in bounded batches, and what never is.

import { expect, test } from 'vitest'
import { auditLines, beginAuditLine, finishAuditLine } from '../../../src/store/audit.ts'
import { addBlob } from '../../../src/store/blobs.ts'
import { disconnectDaemon } from '../../../src/store/daemons.ts'
import {
  anyHasBlob,
  blobsBefore,
  forgetAudit,
  forgetBlob,
  forgetKeys,
  forgetMessages,
  forgetRequests,
  forgetTokens,
  referringTexts,
} from '../../../src/store/housekeeping.ts'
import { ackMessage, pendingMessages, sendMessage, takeWords } from '../../../src/store/messages.ts'
import { listRequests, openRequest } from '../../../src/store/requests.ts'
import { createTask } from '../../../src/store/tasks.ts'
import { createToken, touchTokens } from '../../../src/store/tokens.ts'
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

  test('requests that are over are forgotten when they are old; open ones, and those of an attempt at work, are not', async () => {
    await using world = await World.make(opener)
    const daemonId = await world.daemon('alpha')
    const ask = async (requestId: string) => {
      const claimed = await world.running(daemonId)
      const { attemptId, epoch } = claimed
      const doc = { kind: 'question', title: 'which?', body: {}, options: [] } as const
      await world.store.run((tx) => openRequest(tx, { daemonId, attemptId, epoch, requestId, openForMs: 1, ...doc }))
      return claimed
    }
    const over = await ask('req_over')
    await ask('req_at_work')
    world.clock.advance(1)
    await world.sweep()
    await ask('req_open')
    await world.complete(over)
    world.clock.advance(dayMs)
    const terms = { before: world.clock.now() - 1_000, limit: 10 }
    expect(await world.store.run((tx) => forgetRequests(tx, terms))).toBe(1)
    const left = await world.store.read((tx) => listRequests(tx, { teamId: world.teamId, state: 'any', limit: 10 }))
    expect(left.records.map(({ id }) => id).sort()).toEqual(['req_at_work', 'req_open'])
  })

  test('tokens that open nothing are forgotten, but the one that says when its account was last used', async () => {
    await using world = await World.make(opener)
    const token = (id: string, accountId: string | null, expiresAt: number | null) =>
      world.store.run((tx) =>
        createToken(tx, {
          ...{ id, hash: id, name: id, teamId: world.teamId, scopes: ['user'], kind: 'session' },
          ...{ accountId, createdBy: 'user:ann', expiresAt },
        }),
      )
    const soon = world.clock.now() + 10
    await token('tok_a', 'acc_1', soon)
    await token('tok_b', 'acc_1', soon)
    await token('tok_c', null, soon)
    await token('tok_d', null, null)
    await world.store.run((tx) => touchTokens(tx, ['tok_a']))
    world.clock.advance(dayMs)
    const terms = { before: world.clock.now() - 1_000, limit: 10 }
    expect(await world.store.run((tx) => forgetTokens(tx, terms))).toBe(2)
    const ids = await world.store.read(function* (tx) {
      const { rows } = yield tx.db.selectFrom('tokens').select('id').orderBy('id').compile()
      return rows.map(({ id }) => id)
    })
    expect(ids).toEqual(['tok_a', 'tok_d'])
  })

  test('lines of the audit log go by their age, the oldest first', async () => {
    await using world = await World.make(opener)
    const blank = { actor: 'user:ann', target: null, detail: null, address: null }
    const line = (operation: string) =>
      world.store.run((tx) => beginAuditLine(tx, world.teamId, { ...blank, operation }))
    for (const name of ['a', 'b', 'c']) await line(name)
    world.clock.advance(dayMs)
    const seq = await line('d')
    const newest = () => world.store.read((tx) => auditLines(tx, world.teamId, { before: null, limit: 1 }))
    expect(await newest()).toMatchObject([{ operation: 'd', unfinished: true }]) // as a server leaves it that dies in the call
    await world.store.run((tx) => finishAuditLine(tx, seq, 'made'))
    expect(await newest()).toMatchObject([{ target: 'made' }])
    expect((await newest())[0]).not.toHaveProperty('unfinished')
    const before = world.clock.now() - 1_000
    const gone: number[] = []
    for (let n = 0; n < 3; n += 1) gone.push(await world.store.run((tx) => forgetAudit(tx, { before, limit: 2 })))
    expect(gone).toEqual([2, 1, 0])
    const left = await world.store.read((tx) => auditLines(tx, world.teamId, { before: null, limit: 10 }))
    expect(left.map(({ operation }) => operation)).toEqual(['d'])
  })

  test('words for an agent are kept when its daemon has them, are not sent again, and go by their age', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('host')
    const send = (words: string) =>
      world.store.run((tx) => sendMessage(tx, daemon, 'message', { attemptId: 'att_a', text: words, by: 'user:ann' }))
    const [one, two] = [await send('one'), await send('two')]
    for (const seq of [one, two]) await world.store.run((tx) => ackMessage(tx, daemon, seq ?? 0))
    expect(await world.store.read((tx) => pendingMessages(tx, daemon))).toEqual([])
    const take = () => world.store.run((tx) => takeWords(tx, daemon, one ?? 0))
    expect([await take(), await take()]).toMatchObject([{ text: 'one', by: 'user:ann' }, null])
    world.clock.advance(dayMs)
    const terms = { before: world.clock.now() - 1_000, limit: 10 }
    expect(await world.store.run((tx) => forgetMessages(tx, terms))).toBe(1)
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

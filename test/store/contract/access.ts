// Accounts with their tokens, and the teams' own models.

import { expect, test } from 'vitest'
import {
  countRole,
  createAccount,
  findAccount,
  listMembers,
  removeAccount,
  setRole,
} from '../../../src/store/accounts.ts'
import { access } from '../../../src/store/migrations/0006-access.ts'
import { createModel, findModel, listModels, removeModel, replaceModel } from '../../../src/store/models.ts'
import type { Note } from '../../../src/store/port.ts'
import { createToken, findTokenByHash } from '../../../src/store/tokens.ts'
import type { Opener } from '../world.ts'
import { World } from '../world.ts'

export function accessContract(opener: Opener): void {
  const account = ({ teamId }: World, name: string, role: 'owner' | 'member') =>
    ({ id: `acc_${name}`, teamId, name, kind: 'user', role, createdBy: 'user:ann' }) as const
  const token = ({ teamId }: World, id: string, accountId: string | null) =>
    ({
      ...{ id, teamId, accountId, hash: `hash of ${id}`, name: id, scopes: ['user'] as const, kind: 'token' as const },
      ...{ createdBy: 'user:ann', expiresAt: null },
    }) as const

  test('a token has the name and the role of its account, as they are now', async () => {
    await using world = await World.make(opener)
    const { store, teamId } = world
    await store.run((tx) => createAccount(tx, account(world, 'ann', 'owner')))
    await expect(store.run((tx) => createAccount(tx, account(world, 'ann', 'member')))).rejects.toMatchObject({
      code: 'already_exists',
    })
    const made = await store.run((tx) => createToken(tx, token(world, 'tok_1', 'acc_ann')))
    expect(made).toMatchObject({ account: 'ann', role: 'owner', accountId: 'acc_ann' })
    const notes: Note[] = []
    using _heard = { [Symbol.dispose]: store.listen((note) => notes.push(note)) }
    await store.run((tx) => setRole(tx, 'acc_ann', 'viewer'))
    expect(await store.read((tx) => findTokenByHash(tx, 'hash of tok_1'))).toMatchObject({ role: 'viewer' })
    await expect.poll(() => notes).toContainEqual({ kind: 'token_revoked', tokenId: 'tok_1' })
    expect(await store.read((tx) => countRole(tx, teamId, 'owner'))).toBe(0)
    expect(await store.read((tx) => listMembers(tx, teamId))).toEqual([
      {
        ...{ id: 'acc_ann', name: 'ann', kind: 'user', role: 'viewer', tokens: 1, lastUsedAt: null },
        ...{ createdAt: world.clock.now(), createdBy: 'user:ann' },
      },
    ])
    await store.run((tx) => removeAccount(tx, 'acc_ann'))
    expect(await store.read((tx) => findTokenByHash(tx, 'hash of tok_1'))).toBeNull()
    expect(await store.read((tx) => findAccount(tx, teamId, 'ann'))).toBeNull()
  })

  test('tokens from before there were accounts get one for each name, and may what they could', async () => {
    await using world = await World.make(opener)
    const { store, teamId } = world
    await store.run(function* (tx) {
      yield* createToken(tx, { ...token(world, 'tok_a', null), name: 'laptop', scopes: ['daemon'] })
      yield* createToken(tx, { ...token(world, 'tok_b', null), name: 'laptop', scopes: ['admin', 'user'] })
      yield* createToken(tx, { ...token(world, 'tok_c', null), name: 'bot' })
    })
    const words = { int: 'bigint', serial: '', clustered: '' }
    const changes = access.up(words).filter((sql) => /^\s*(insert into accounts|update tokens)/.test(sql))
    expect(changes).toHaveLength(2)
    await store.run(function* () {
      for (const sql of changes) yield { sql, parameters: [] }
    })
    const members = await store.read((tx) => listMembers(tx, teamId))
    expect(members.map(({ name, role, kind, tokens }) => [name, role, kind, tokens])).toEqual([
      ['bot', 'member', 'service', 1],
      ['laptop', 'owner', 'service', 2],
    ])
    expect(await store.read((tx) => findTokenByHash(tx, 'hash of tok_b'))).toMatchObject({ account: 'laptop' })
  })

  test('models are kept by provider and name, once in a team', async () => {
    await using world = await World.make(opener)
    const { store, teamId } = world
    const entry = { provider: 'acme', name: 'one', displayName: null, description: '', capabilities: {} }
    const made = await store.run((tx) => createModel(tx, { id: 'mdl_1', teamId, ...entry }))
    expect(made).toMatchObject({ displayName: 'one', global: false })
    await store.run((tx) => createModel(tx, { id: 'mdl_2', teamId, ...entry, name: 'two' }))
    const again = (id: string) => store.run((tx) => createModel(tx, { id, teamId, ...entry }))
    await expect(again('mdl_3')).rejects.toMatchObject({ code: 'already_exists' })
    const renamed = store.run((tx) => replaceModel(tx, teamId, 'mdl_2', entry))
    await expect(renamed).rejects.toMatchObject({ code: 'already_exists' })
    await store.run((tx) => replaceModel(tx, teamId, 'mdl_2', { ...entry, name: 'zwei', displayName: 'Zwei' }))
    expect(await store.read((tx) => findModel(tx, teamId, 'mdl_2'))).toMatchObject({
      name: 'zwei',
      displayName: 'Zwei',
    })
    expect((await store.read((tx) => listModels(tx, teamId))).map(({ name }) => name)).toEqual(['one', 'zwei'])
    expect(await store.run((tx) => removeModel(tx, 'team_other', 'mdl_1'))).toBe(false)
    expect(await store.run((tx) => removeModel(tx, teamId, 'mdl_1'))).toBe(true)
  })
}

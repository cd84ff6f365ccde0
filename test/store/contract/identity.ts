// Teams and tokens.

import { expect, test } from 'vitest'
import type { Note } from '../../../src/store/port.ts'
import { createTeam, findTeam, listTeams } from '../../../src/store/teams.ts'
import type { NewToken } from '../../../src/store/tokens.ts'
import {
  consumeSignIn,
  createToken,
  findTokenByHash,
  listTokens,
  revokeToken,
  touchTokens,
} from '../../../src/store/tokens.ts'
import type { Opener } from '../world.ts'
import { World } from '../world.ts'

export function identityContract(opener: Opener): void {
  const token = (world: World, over: Partial<NewToken> = {}): NewToken => ({
    id: 'tok_1',
    hash: 'hash 1',
    name: 'laptop',
    teamId: world.teamId,
    scopes: ['user', 'daemon'],
    kind: 'token',
    accountId: null,
    createdBy: 'user:ann',
    expiresAt: null,
    ...over,
  })

  test('teams are found by id and name, and names are unique', async () => {
    await using world = await World.make(opener)
    const crew = { id: world.teamId, name: 'crew', createdAt: world.clock.now() }
    expect(await world.store.read((tx) => findTeam(tx, 'crew'))).toEqual(crew)
    expect(await world.store.read((tx) => findTeam(tx, world.teamId))).toEqual(crew)
    expect(await world.store.read((tx) => listTeams(tx))).toEqual([crew])
    const again = world.store.run((tx) => createTeam(tx, { id: 'team_2', name: 'crew' }))
    await expect(again).rejects.toMatchObject({ code: 'already_exists' })
  })

  test('a token is found by its hash until it is revoked, and its revocation is told', async () => {
    await using world = await World.make(opener)
    const heard: Note[] = []
    world.store.listen((note) => heard.push(note))
    const made = await world.store.run((tx) => createToken(tx, token(world)))
    expect(made).toMatchObject({ scopes: ['user', 'daemon'], lastUsedAt: null })
    await world.store.run((tx) => touchTokens(tx, ['tok_1']))
    const found = await world.store.read((tx) => findTokenByHash(tx, 'hash 1'))
    expect(found).toEqual({ ...made, lastUsedAt: world.clock.now() })
    expect(await world.store.run((tx) => revokeToken(tx, 'team_other', 'tok_1'))).toBe(false)
    expect(await world.store.run((tx) => revokeToken(tx, world.teamId, 'tok_1'))).toBe(true)
    expect(await world.store.run((tx) => revokeToken(tx, world.teamId, 'tok_1'))).toBe(false)
    expect(await world.store.read((tx) => findTokenByHash(tx, 'hash 1'))).toBeNull()
    await expect.poll(() => heard).toEqual([{ kind: 'token_revoked', tokenId: 'tok_1' }])
    expect(await world.store.read((tx) => listTokens(tx, world.teamId))).toEqual([])
  })

  test('a token that expired is no token', async () => {
    await using world = await World.make(opener)
    await world.store.run((tx) => createToken(tx, token(world, { expiresAt: world.clock.now() + 10 })))
    expect(await world.store.read((tx) => findTokenByHash(tx, 'hash 1'))).not.toBeNull()
    world.clock.advance(10)
    expect(await world.store.read((tx) => findTokenByHash(tx, 'hash 1'))).toBeNull()
  })

  test('a sign-in works once, is no bearer token, and is not listed', async () => {
    await using world = await World.make(opener)
    await world.store.run((tx) => createToken(tx, token(world, { kind: 'sign_in' })))
    expect(await world.store.read((tx) => findTokenByHash(tx, 'hash 1'))).toBeNull()
    const both = await Promise.all([0, 1].map(() => world.store.run((tx) => consumeSignIn(tx, 'hash 1'))))
    expect(both.filter((each) => each !== null)).toHaveLength(1)
    expect(await world.store.read((tx) => listTokens(tx, world.teamId))).toEqual([])
  })
}

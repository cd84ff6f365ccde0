// Daemons and their identity, messages to them, repositories, pools, profiles, counts, blobs.

import { expect, test } from 'vitest'
import { makeId } from '../../../src/lib/ids.ts'
import { addBlob, hasBlob } from '../../../src/store/blobs.ts'
import { countEnded, counts } from '../../../src/store/counts.ts'
import type { Registration } from '../../../src/store/daemons.ts'
import {
  disconnectDaemon,
  findDaemon,
  listDaemons,
  registerDaemon,
  removeDaemon,
  setDraining,
  touchDaemon,
} from '../../../src/store/daemons.ts'
import { ackMessage, pendingMessages, sendMessage } from '../../../src/store/messages.ts'
import { createPool, findPool, listPools, removePool } from '../../../src/store/pools.ts'
import { createProfile, findProfile, listProfiles, removeProfile, replaceProfile } from '../../../src/store/profiles.ts'
import { knownRepo, listRepos } from '../../../src/store/repos.ts'
import type { Opener } from '../world.ts'
import { plainOffer, World } from '../world.ts'

export function fleetContract(opener: Opener): void {
  const register = (world: World, over: Partial<Registration> = {}) =>
    world.store.run((tx) =>
      registerDaemon(tx, {
        id: makeId('dmn', tx.now),
        teamId: world.teamId,
        keyHash: 'key',
        bootId: 'boot 1',
        offer: plainOffer,
        poolId: null,
        profileIds: ['prof_1'],
        connectionId: 'c1',
        ...over,
      }),
    )

  test('the same key and boot replaces the connection; the same key from another boot is refused while the first is heard', async () => {
    await using world = await World.make(opener)
    const first = await register(world)
    if (first.is === 'refused') throw new Error('refused')
    expect(first).toMatchObject({ daemon: { name: 'alpha', profiles: ['prof_1'], connected: true }, replaced: null })
    expect(await register(world, { connectionId: 'c2' })).toMatchObject({
      daemon: { id: first.daemon.id },
      replaced: 'c1',
    })
    const lastSeenAt = world.clock.now()
    const other = { name: 'alpha', pid: 4_242, lastSeenAt }
    expect(await register(world, { bootId: 'boot 2' })).toEqual({ is: 'refused', other })
    world.clock.advance(30_000)
    expect(await register(world, { bootId: 'boot 2', connectionId: 'c3' })).toMatchObject({
      daemon: { id: first.daemon.id },
    })
  })

  test('a daemon that left cleanly may come back at once from another boot; a late disconnect of an old connection is ignored', async () => {
    await using world = await World.make(opener)
    const first = await register(world)
    if (first.is === 'refused') throw new Error('refused')
    const { id } = first.daemon
    await world.store.run((tx) => disconnectDaemon(tx, id, 'c1'))
    expect(await register(world, { bootId: 'boot 2', connectionId: 'c2' })).toMatchObject({ is: 'registered' })
    expect(await world.store.run((tx) => disconnectDaemon(tx, id, 'c1'))).toBe(false)
    expect(await world.store.read((tx) => findDaemon(tx, world.teamId, 'alpha'))).toMatchObject({ connectionId: 'c2' })
  })

  test('two daemons that register one key at the same time become one, and one is refused', async () => {
    await using world = await World.make(opener)
    const both = ['boot 1', 'boot 2'].map((bootId) => register(world, { bootId, connectionId: bootId }))
    expect((await Promise.all(both)).map((each) => each.is).sort()).toEqual(['refused', 'registered'])
    expect(await world.store.read((tx) => listDaemons(tx, world.teamId))).toHaveLength(1)
  })

  test('a heartbeat counts only over the connection that speaks for the daemon; draining by a person outlives a restart', async () => {
    await using world = await World.make(opener)
    const id = await world.daemon('alpha')
    const touch = { running: 2, draining: false, freeDiskBytes: 5, freeMemoryBytes: null, loadAverage: 0.75 }
    const over = (connectionId: string) => world.store.run((tx) => touchDaemon(tx, id, { connectionId, ...touch }))
    expect(await over('an old one')).toBeNull()
    expect(await over('connection of alpha')).toMatchObject({
      running: 2,
      freeDiskBytes: 5,
      loadAverage: 0.75,
      draining: false,
    })
    await world.store.run((tx) => setDraining(tx, world.teamId, 'alpha', true))
    await world.daemon('alpha')
    expect(await world.store.read((tx) => findDaemon(tx, world.teamId, id))).toMatchObject({
      draining: true,
      drainAsked: true,
    })
  })

  test('a daemon that is connected or owns an attempt is not removed', async () => {
    await using world = await World.make(opener)
    const id = await world.daemon('alpha')
    const claimed = await world.running(id)
    const remove = () => world.store.run((tx) => removeDaemon(tx, world.teamId, 'alpha'))
    await expect(remove()).rejects.toMatchObject({ code: 'in_use' })
    await world.store.run((tx) => disconnectDaemon(tx, id, 'connection of alpha'))
    await expect(remove()).rejects.toMatchObject({ code: 'in_use' })
    await world.complete(claimed)
    expect([await remove(), await remove()]).toEqual([true, false])
  })

  test('messages come again in order until each is acknowledged', async () => {
    await using world = await World.make(opener)
    const id = await world.daemon('alpha')
    const send = (on: boolean) => world.store.run((tx) => sendMessage(tx, id, 'drain', { on }))
    const pending = async () => (await world.store.read((tx) => pendingMessages(tx, id))).map((message) => message.seq)
    expect((await Promise.all([send(true), send(false), send(true)])).sort()).toEqual([1, 2, 3])
    expect([await pending(), await pending()]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ])
    const ack = () => world.store.run((tx) => ackMessage(tx, id, 2))
    expect([await ack(), await ack()]).toEqual([true, false])
    expect(await pending()).toEqual([1, 3])
    expect(await send(true)).toBe(4)
    expect(await world.store.run((tx) => sendMessage(tx, 'dmn_none', 'drain', { on: true }))).toBeNull()
  })

  test('repositories are what registered daemons of the team serve', async () => {
    await using world = await World.make(opener)
    const repo = (slug: string) => ({ slug, problem: null })
    await world.daemon('alpha', { repos: [repo('a/b'), repo('c/d'), repo('c/d')] })
    const beta = await world.daemon('beta', { repos: [repo('c/d')] })
    await world.store.run((tx) => disconnectDaemon(tx, beta, 'connection of beta'))
    const list = () => world.store.read((tx) => listRepos(tx, world.teamId))
    expect(await list()).toEqual([
      { slug: 'a/b', daemons: 1, connected: 1 },
      { slug: 'c/d', daemons: 2, connected: 1 },
    ])
    await world.daemon('alpha', { repos: [] })
    expect(await list()).toEqual([{ slug: 'c/d', daemons: 1, connected: 0 }])
    expect(await world.store.read((tx) => knownRepo(tx, world.teamId, 'a/b'))).toBe(false)
    expect(await world.store.read((tx) => knownRepo(tx, 'team_other', 'c/d'))).toBe(false)
  })

  test('a pool that a daemon or a waiting task uses is not removed', async () => {
    await using world = await World.make(opener)
    const given = { id: 'pool_1', teamId: world.teamId, name: 'shed', connector: 'me' }
    const pool = await world.store.run((tx) => createPool(tx, given))
    expect(pool).toEqual({ id: 'pool_1', name: 'shed', connector: 'me', createdAt: world.clock.now(), daemons: 0 })
    const again = world.store.run((tx) => createPool(tx, { ...given, id: 'pool_2' }))
    await expect(again).rejects.toMatchObject({ code: 'already_exists' })
    const id = await world.create({ needs: { pool: 'pool_1' } })
    const remove = () => world.store.run((tx) => removePool(tx, world.teamId, 'shed'))
    await expect(remove()).rejects.toMatchObject({ code: 'in_use' })
    await world.do(id, { type: 'cancel', by: 'ann', message: '' })
    await register(world, { poolId: 'pool_1' })
    expect(await world.store.read((tx) => listPools(tx, world.teamId))).toMatchObject([{ daemons: 1 }])
    await expect(remove()).rejects.toMatchObject({ code: 'in_use' })
    await register(world, { poolId: null })
    expect(await remove()).toBe(true)
    expect(await world.store.read((tx) => findPool(tx, world.teamId, 'shed'))).toBeNull()
  })

  test('a profile’s change is a new version with a new content id', async () => {
    await using world = await World.make(opener)
    const given = { id: 'prof_1', teamId: world.teamId, name: 'fast', settings: { model: 'm', harness: 'codex' } }
    const first = await world.store.run((tx) => createProfile(tx, given))
    expect(first).toMatchObject({ id: 'prof_1', version: 1, settings: given.settings })
    const replace = (name: string, model: string) =>
      world.store.run((tx) => replaceProfile(tx, world.teamId, 'fast', { name, settings: { model, harness: 'codex' } }))
    expect(await replace('fast', 'm')).toMatchObject({ version: 2, cid: first.cid })
    const third = await replace('fast', 'n')
    expect(third).toMatchObject({ version: 3 })
    expect(third?.cid).not.toBe(first.cid)
    await world.store.run((tx) => createProfile(tx, { ...given, id: 'prof_2', name: 'slow' }))
    await expect(replace('slow', 'n')).rejects.toMatchObject({ code: 'already_exists' })
    const id = await world.create({ needs: { profiles: ['prof_1'] } })
    const remove = () => world.store.run((tx) => removeProfile(tx, world.teamId, 'fast'))
    await expect(remove()).rejects.toMatchObject({ code: 'in_use' })
    await world.do(id, { type: 'cancel', by: 'ann', message: '' })
    expect(await remove()).toBe(true)
    expect(await world.store.read((tx) => findProfile(tx, world.teamId, 'prof_1'))).toBeNull()
    expect((await world.store.read((tx) => listProfiles(tx, world.teamId))).map((each) => each.name)).toEqual(['slow'])
  })

  test('counts tell the queue and what ended since the last look', async () => {
    await using world = await World.make(opener)
    const claimed = await world.running(await world.daemon('alpha'))
    await world.create()
    expect(await world.store.read((tx) => counts(tx))).toEqual({
      tasks: { queued: 1, running: 1 },
      parked: {},
      oldestQueuedAt: world.clock.now(),
      openLeases: 1,
    })
    await world.fail(claimed, { reason: 'checks_failed' })
    const { ends, until } = await world.store.read((tx) => countEnded(tx, 0))
    expect(ends).toEqual([{ state: 'failed', reason: 'checks_failed', n: 1 }])
    expect((await world.store.read((tx) => countEnded(tx, until))).ends).toEqual([])
  })

  test('a blob belongs to the team that stored it', async () => {
    await using world = await World.make(opener)
    for (let n = 0; n < 2; n += 1) {
      await world.store.run((tx) => addBlob(tx, { cid: 'sha256-x', teamId: world.teamId, bytes: 3 }))
    }
    expect(await world.store.read((tx) => hasBlob(tx, world.teamId, 'sha256-x'))).toBe(true)
    expect(await world.store.read((tx) => hasBlob(tx, 'team_other', 'sha256-x'))).toBe(false)
  })
}

// Claims: best first, never twice.

import { expect, test } from 'vitest'
import { makeId } from '../../../src/lib/ids.ts'
import { claimTasks } from '../../../src/store/claims.ts'
import { lanesAfter } from '../../../src/store/lanes.ts'
import { createTask } from '../../../src/store/tasks.ts'
import type { Opener } from '../world.ts'
import { dispatchMs, World } from '../world.ts'

export function claimsContract(opener: Opener): void {
  test('a claim takes the highest priority first, then the oldest, across lanes', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    const plain = await world.create()
    const urgent = await world.create({ priority: 5, needs: { repo: 'a/b' } })
    const later = await world.create({ needs: { repo: 'a/b' } })
    const claimed = await world.claim(daemon, { max: 10 })
    expect(claimed.map((each) => each.record.task.id)).toEqual([urgent, plain, later])
    expect(claimed.map((each) => [each.n, each.epoch])).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ])
    expect(claimed[0]?.record.attempts[0]).toMatchObject({
      daemonName: 'host',
      leaseUntil: world.clock.now() + dispatchMs,
    })
    expect(await world.claim(daemon)).toEqual([])
  })

  test('a claim for a correlation id takes only tasks that carry it, best first, and of lanes that fit', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    await world.create({ priority: 9 })
    const older = await world.create({ correlationId: 'c-1' })
    const newer = await world.create({ correlationId: 'c-1', priority: 5 })
    await world.create({ correlationId: 'c-2' })
    await world.create({ correlationId: 'c-1', needs: { daemon: 'dmn_elsewhere' } })
    const only = { correlationId: 'c-1', max: 1 }
    const taken = [...(await world.claim(daemon, only)), ...(await world.claim(daemon, { ...only, max: 9 }))]
    expect(taken.map((each) => each.record.task.id)).toEqual([newer, older])
    expect(await world.claim(daemon, only)).toEqual([])
  })

  test('at equal priority the daemon’s profile order comes before age', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    await world.create({ needs: { profiles: ['slow'] } })
    const fast = await world.create({ needs: { profiles: ['fast'] } })
    const [first] = await world.store.run(function* (tx) {
      const lanes = yield* lanesAfter(tx, 0)
      const fits = lanes.map(({ id, needs }) => {
        const [profile = null] = needs.profiles
        return { laneId: id, profileId: profile, rank: profile === 'fast' ? 0 : 1 }
      })
      const who = { daemonId: daemon, daemonName: 'host', teamId: world.teamId }
      return yield* claimTasks(tx, { ...who, fits, max: 1, taskId: null, dispatchMs })
    })
    expect(first?.record.task.id).toBe(fast)
    expect(first?.record.attempts[0]?.profileId).toBe('fast')
  })

  test('only lanes that fit are claimed from', async () => {
    await using world = await World.make(opener)
    const alpha = await world.daemon('alpha')
    const beta = await world.daemon('beta')
    const pinned = await world.create({ needs: { daemon: alpha } })
    expect(await world.claim(beta)).toEqual([])
    expect((await world.claimOne(alpha)).record.task.id).toBe(pinned)
  })

  test('a claim may name its task', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    await world.create({ priority: 9 })
    const wanted = await world.create()
    const claimed = await world.claim(daemon, { taskId: wanted })
    expect(claimed.map((each) => each.record.task.id)).toEqual([wanted])
    expect(await world.claim(daemon, { taskId: wanted })).toEqual([])
  })

  test('lanes made at the same time are all seen, and equal needs share one', async () => {
    await using world = await World.make(opener)
    const repos = Array.from({ length: 12 }, (_, n) => `r${n % 6}`)
    await Promise.all(repos.map((repo) => world.create({ needs: { repo, labels: ['b', 'a'] } })))
    const lanes = await world.store.read((tx) => lanesAfter(tx, 0))
    expect(lanes.map((lane) => lane.needs.repo).sort()).toEqual(['r0', 'r1', 'r2', 'r3', 'r4', 'r5'])
    const [, second] = lanes
    expect(await world.store.read((tx) => lanesAfter(tx, second?.id ?? 0))).toEqual(lanes.slice(2))
  })

  test('a pin to the session’s daemon lapses: then any daemon may claim', async () => {
    await using world = await World.make(opener)
    const alpha = await world.daemon('alpha')
    const beta = await world.daemon('beta')
    const until = world.clock.now() + 60_000
    const id = await world.create({ stickyDaemon: { daemonId: alpha, until } })
    expect(await world.claim(beta)).toEqual([])
    expect(await world.task(id)).toMatchObject({ sticky: { daemonId: alpha, until }, needs: { daemon: null } })
    world.clock.advance(59_999)
    await world.sweep()
    expect(await world.claim(beta)).toEqual([])
    world.clock.advance(1)
    expect(await world.sweep()).toMatchObject({ pins: 1 })
    expect((await world.task(id)).sticky).toBeNull()
    expect((await world.claimOne(beta)).record.task.id).toBe(id)
  })

  test('ten claimers at 10,000 tasks: each task is claimed once, and an empty answer means an empty queue', {
    timeout: 60_000,
  }, async () => {
    await using world = await World.make(opener)
    const given = Array.from({ length: 10_000 }, (_, n) =>
      world.newTask({ priority: n % 3, needs: { repo: `r${n % 5}` } }),
    )
    await Promise.all(given.map((each) => world.store.run((tx) => createTask(tx, each), { group: true })))
    const replicas = opener.dialect === 'postgres' ? [world.store, await world.another()] : [world.store]
    const claimed = await Promise.all(
      Array.from({ length: 10 }, async (_, n) => {
        const daemon = makeId('dmn', n)
        const store = replicas[n % replicas.length] ?? world.store
        const mine: string[] = []
        for (;;) {
          const got = await world.claim(daemon, { max: 1 + ((n * 7) % 20), store })
          if (got.length === 0) return mine
          mine.push(...got.map((each) => each.record.task.id))
        }
      }),
    )
    for (const store of replicas.slice(1)) await store.close()
    const ids = claimed.flat()
    expect(ids).toHaveLength(10_000)
    expect(new Set(ids).size).toBe(10_000)
  })
}

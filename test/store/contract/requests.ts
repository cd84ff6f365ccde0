// Questions and permissions: opened once, answered once, never by silence; while any is open the agent's time stands still.

import { expect, test } from 'vitest'
import { makeId } from '../../../src/lib/ids.ts'
import { pendingMessages } from '../../../src/store/messages.ts'
import type { RequestState } from '../../../src/store/requests.ts'
import { answerRequest, listRequests, openRequest, withdrawRequest } from '../../../src/store/requests.ts'
import { transition } from '../../../src/store/transition.ts'
import type { Opener } from '../world.ts'
import { leaseMs, user, World } from '../world.ts'

type Claimed = Awaited<ReturnType<World['claimOne']>>

const hour = 3_600_000
const yes = { optionId: 'yes', text: null, by: 'user:ann' }

export function requestsContract(opener: Opener): void {
  test('a request is answered once; while it is open the agent’s time stands still', async () => {
    await using world = await World.make(opener)
    const claimed = await world.running(await world.daemon('alpha'), { spec: { runningTimeoutMs: 100_000 } })
    const id = await opened(world, claimed)
    world.clock.advance(leaseMs)
    await world.sweep()
    world.clock.advance(10_000)
    expect(await world.sweep()).toMatchObject({ timeouts: 0 })
    expect(await answered(world, id)).toMatchObject({ state: 'answered', answer: { optionId: 'yes', by: 'user:ann' } })
    await expect(answered(world, id)).rejects.toMatchObject({ code: 'invalid_state' })
    expect(await listed(world)).toEqual([])
    expect(await world.sweep()).toMatchObject({ timeouts: 0 })
    world.clock.advance(100_000)
    expect(await world.sweep()).toMatchObject({ timeouts: 1 })
  })

  test('how long an attempt waited for people is counted once however many ask, also when it ends meanwhile', async () => {
    await using world = await World.make(opener)
    const daemonId = await world.daemon('alpha')
    const claimed = await world.running(daemonId)
    const waited = async () => {
      const { waitedMs, waitsSince } = (await world.task(claimed.record.task.id)).attempts.at(-1) ?? {}
      return { waitedMs, waitsSince }
    }
    const [first, second] = [await opened(world, claimed), await opened(world, claimed)]
    const since = world.clock.now()
    world.clock.advance(3_000)
    await answered(world, first)
    expect(await waited()).toEqual({ waitedMs: 0, waitsSince: since })
    world.clock.advance(1_000)
    await answered(world, second)
    world.clock.advance(5_000)
    expect(await waited()).toEqual({ waitedMs: 4_000, waitsSince: null })
    await opened(world, claimed)
    world.clock.advance(2_000)
    await world.store.run((tx) =>
      transition(tx, claimed.record.task.id, { type: 'cancel', by: 'user:ann', message: '' }, { cause: user }),
    )
    expect(await waited()).toEqual({ waitedMs: 6_000, waitsSince: null })
  })

  test('several open at once stop the clock once, for as long as any of them is open', async () => {
    await using world = await World.make(opener)
    const claimed = await world.running(await world.daemon('alpha'), { spec: { runningTimeoutMs: 100_000 } })
    const began = world.clock.now()
    const first = await opened(world, claimed)
    world.clock.advance(1_000)
    const second = await opened(world, claimed)
    world.clock.advance(2_000)
    await answered(world, first)
    world.clock.advance(4_000)
    await answered(world, second)
    const limit = async () => {
      const row = await world.store.read(function* (tx) {
        const query = tx.db.selectFrom('attempts').select(['timeout_at', 'asks']).where('id', '=', claimed.attemptId)
        const { rows } = yield query.compile()
        return rows[0]
      })
      return row
    }
    expect(await limit()).toEqual({ timeout_at: began + 100_000 + 7_000, asks: 0 })
    world.clock.advance(500)
    const third = await opened(world, claimed)
    world.clock.advance(3_000)
    await answered(world, third)
    expect(await limit()).toEqual({ timeout_at: began + 100_000 + 10_000, asks: 0 })
  })

  test('a permission is never granted by silence, and a late, foreign or wrong answer is refused', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    const claimed = await world.running(daemon)
    const id = await opened(world, claimed)
    expect(await world.store.run((tx) => answerRequest(tx, 'team_other', id, yes))).toBeNull()
    const wrong = world.store.run((tx) => answerRequest(tx, world.teamId, id, { ...yes, optionId: 'maybe' }))
    await expect(wrong).rejects.toMatchObject({ code: 'invalid_request' })
    const mute = world.store.run((tx) => answerRequest(tx, world.teamId, id, { ...yes, optionId: null, text: 'hm' }))
    await expect(mute).rejects.toMatchObject({ code: 'invalid_request' })
    world.clock.advance(hour)
    await expect(answered(world, id)).rejects.toMatchObject({ code: 'invalid_state' })
    expect(await world.sweep()).toMatchObject({ requests: 1 })
    expect(await listed(world, 'expired')).toEqual([id])
    const sent = await world.store.read((tx) => pendingMessages(tx, daemon))
    expect(sent.at(-1)).toMatchObject({ type: 'answer', body: { requestId: id, optionId: null, text: null } })
  })

  test('of two answers at the same time one counts, and one message is sent', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    const id = await opened(world, await world.running(daemon))
    const both = await Promise.allSettled([answered(world, id), answered(world, id)])
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const sent = await world.store.read((tx) => pendingMessages(tx, daemon))
    expect(sent.filter(({ type }) => type === 'answer')).toHaveLength(1)
  })

  test('a request that comes again opens nothing; one that was answered is answered again', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    const claimed = await world.running(daemon)
    const id = await opened(world, claimed)
    await answered(world, id)
    await opened(world, claimed, id)
    expect(await listed(world)).toEqual([])
    const sent = await world.store.read((tx) => pendingMessages(tx, daemon))
    expect(sent.filter(({ type }) => type === 'answer')).toHaveLength(2)
  })

  test('a request that its agent took back cannot be answered; taking it back again changes nothing', async () => {
    await using world = await World.make(opener)
    const claimed = await world.running(await world.daemon('alpha'))
    const id = await opened(world, claimed)
    const { daemonId, attemptId, epoch } = claimed
    const withdraw = () =>
      world.store.run((tx) => withdrawRequest(tx, { daemonId, attemptId, epoch }, { requestId: id }))
    expect([await withdraw(), await withdraw()]).toEqual([{ is: 'done' }, { is: 'done' }])
    const other = world.store.run((tx) =>
      withdrawRequest(tx, { daemonId: 'dmn_other', attemptId, epoch }, { requestId: id }),
    )
    expect(await other).toMatchObject({ is: 'refused', refusal: { code: 'lease_lost' } })
    await expect(answered(world, id)).rejects.toMatchObject({ code: 'invalid_state' })
    expect((await world.task(claimed.record.task.id)).attempts[0]).toMatchObject({ asks: 0 })
  })

  test('an attempt that ends closes its requests', async () => {
    await using world = await World.make(opener)
    const claimed = await world.running(await world.daemon('alpha'))
    const id = await opened(world, claimed)
    await world.complete(claimed)
    expect(await listed(world)).toEqual([])
    expect(await listed(world, 'closed')).toEqual([id])
  })

  test('cancelling a task closes its requests at once, and what its agent still asks is asked of nobody', async () => {
    await using world = await World.make(opener)
    const claimed = await world.running(await world.daemon('alpha'))
    const taskId = claimed.record.task.id
    await opened(world, claimed)
    const cancel = { type: 'cancel', by: 'user:ann', message: '' } as const
    await world.store.run((tx) => transition(tx, taskId, cancel, { cause: user }))
    expect(await listed(world)).toEqual([])
    await opened(world, claimed)
    expect(await listed(world)).toEqual([])
  })

  test('a list is paged in the order of asking, and narrowed to a task', async () => {
    await using world = await World.make(opener)
    const claimed = await world.running(await world.daemon('alpha'))
    const taskId = claimed.record.task.id
    const ids: string[] = []
    for (let n = 0; n < 5; n += 1) {
      world.clock.advance(n % 2)
      ids.push(await opened(world, claimed))
    }
    const every = { teamId: world.teamId, taskId, state: 'any', limit: 10 } as const
    const inOrder = (await world.store.read((tx) => listRequests(tx, every))).records.map((record) => record.id)
    expect([...inOrder].sort()).toEqual([...ids].sort())
    const query = { teamId: world.teamId, taskId, limit: 2 }
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await world.store.read((tx) => listRequests(tx, { ...query, cursor }))
      seen.push(...page.records.map(({ id }) => id))
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined)
    expect(seen).toEqual(inOrder)
    const other = await world.store.read((tx) => listRequests(tx, { ...query, taskId: 'task_other' }))
    expect(other.records).toEqual([])
    const bad = world.store.read((tx) => listRequests(tx, { ...query, cursor: 'x' }))
    await expect(bad).rejects.toMatchObject({ code: 'invalid_request' })
  })
}

async function opened(world: World, claimed: Claimed, id?: string): Promise<string> {
  const { attemptId, epoch, daemonId } = claimed
  const requestId = id ?? makeId('req', world.clock.now())
  const options = [{ id: 'yes', label: 'Yes', grants: 'allow' }] as const
  const asked = { kind: 'permission', title: 'rm -rf build', body: {}, options, openForMs: hour } as const
  const given = { daemonId, attemptId, epoch, requestId, ...asked }
  for (let n = 0; n < (id === undefined ? 2 : 1); n += 1) await world.store.run((tx) => openRequest(tx, given))
  return requestId
}

function answered(world: World, id: string) {
  return world.store.run((tx) => answerRequest(tx, world.teamId, id, yes))
}

async function listed(world: World, state?: RequestState): Promise<string[]> {
  const { records } = await world.store.read((tx) => listRequests(tx, { teamId: world.teamId, state, limit: 50 }))
  return records.map(({ id }) => id)
}

// Tasks: born once, waiting for each other, listed page by page.

import { expect, test } from 'vitest'
import { createTask, getTask, listTasks } from '../../../src/store/tasks.ts'
import type { Opener } from '../world.ts'
import { World } from '../world.ts'

export function tasksContract(opener: Opener): void {
  test('a task reads back as it was given', async () => {
    await using world = await World.make(opener)
    const given = world.newTask({ priority: 7, correlationId: 'c', needs: { repo: 'acme/app', labels: ['gpu'] } })
    await world.store.run((tx) => createTask(tx, given))
    const record = await world.task(given.id)
    expect(record).toMatchObject({
      spec: given.spec,
      needs: given.needs,
      priority: 7,
      correlationId: 'c',
      attempts: [],
    })
    expect(record.task).toMatchObject({ terms: given.terms, status: { state: 'queued', why: 'new' } })
    expect(record).toMatchObject({ createdAt: world.clock.now(), queuedAt: world.clock.now(), endedAt: null })
    expect(await world.store.read((tx) => getTask(tx, 'team_other', given.id))).toBeNull()
  })

  test('the same Idempotency-Key and body give the first task; another body is refused; another team is another key', async () => {
    await using world = await World.make(opener)
    const once = { key: 'k', bodyHash: 'h' }
    const given = [world.newTask({ idempotency: once }), world.newTask({ idempotency: once })]
    const made = await Promise.all(given.map((each) => world.store.run((tx) => createTask(tx, each))))
    expect(new Set(made.map((each) => each.taskId)).size).toBe(1)
    expect(made.map((each) => each.created).sort()).toEqual([false, true])
    const other = world.newTask({ idempotency: { key: 'k', bodyHash: 'other' } })
    await expect(world.store.run((tx) => createTask(tx, other))).rejects.toMatchObject({ code: 'idempotency_conflict' })
    const foreign = world.newTask({ idempotency: once, needs: { teamId: 'team_other' } })
    expect(await world.store.run((tx) => createTask(tx, foreign))).toMatchObject({ taskId: foreign.id, created: true })
  })

  test('a task waits for the tasks its condition names, through a chain', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    const first = await world.create()
    const second = await world.create({ spec: { claimCondition: done(first) } })
    const third = await world.create({ spec: { claimCondition: { op: 'task_accepted', taskId: second } } })
    expect([await world.state(second), await world.state(third)]).toEqual(['waiting', 'waiting'])
    await world.complete(await world.claimOne(daemon))
    expect([await world.state(second), await world.state(third)]).toEqual(['queued', 'waiting'])
    await world.complete(await world.claimOne(daemon))
    expect(await world.state(third)).toBe('queued')
  })

  test('an end that cannot be taken back fails everything that waited for the opposite', async () => {
    await using world = await World.make(opener)
    const first = await world.create()
    const second = await world.create({ spec: { claimCondition: done(first) } })
    const third = await world.create({ spec: { claimCondition: done(second) } })
    await world.do(first, { type: 'cancel', by: 'ann', message: '' })
    expect((await world.task(second)).task.status).toMatchObject({ state: 'failed', reason: 'condition_unsatisfiable' })
    expect(await world.state(third)).toBe('failed')
  })

  test('a condition on a task of another team, or on none, fails at once and says so', async () => {
    await using world = await World.make(opener)
    const foreign = world.newTask({ needs: { teamId: 'team_other' } })
    await world.store.run((tx) => createTask(tx, foreign))
    const id = await world.create({ spec: { claimCondition: done(foreign.id) } })
    const { status } = (await world.task(id)).task
    expect(status).toMatchObject({ state: 'failed', detail: `there is no task ${foreign.id}` })
  })

  test('a task whose condition is met at birth is queued', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    const first = await world.create()
    await world.complete(await world.claimOne(daemon))
    expect(await world.state(await world.create({ spec: { claimCondition: done(first) } }))).toBe('queued')
  })

  test('creates and ends that race leave nobody waiting for ever', async () => {
    await using world = await World.make(opener)
    const firsts = await Promise.all(Array.from({ length: 20 }, () => world.create()))
    const waiting = await Promise.all(
      firsts.flatMap((first) => [
        world.create({ spec: { claimCondition: { op: 'task_status', taskId: first, statuses: ['cancelled'] } } }),
        world.do(first, { type: 'cancel', by: 'ann', message: '' }).then(() => null),
      ]),
    )
    for (const id of waiting) if (id !== null) expect(await world.state(id)).toBe('queued')
  })

  test('pages go on where they stopped, whatever is created meanwhile', async () => {
    await using world = await World.make(opener)
    const ids: string[] = []
    for (let n = 0; n < 7; n += 1) ids.push(await world.create())
    const query = { teamId: world.teamId, limit: 3 }
    const one = await world.store.read((tx) => listTasks(tx, query))
    await world.create()
    const two = await world.store.read((tx) => listTasks(tx, { ...query, cursor: one.nextCursor ?? '' }))
    const three = await world.store.read((tx) => listTasks(tx, { ...query, cursor: two.nextCursor ?? '' }))
    const seen = [one, two, three].flatMap((page) => page.records.map((record) => record.task.id))
    expect(seen).toEqual(ids.toReversed())
    expect(three.nextCursor).toBeNull()
    const bad = world.store.read((tx) => listTasks(tx, { ...query, cursor: 'x' }))
    await expect(bad).rejects.toMatchObject({ code: 'invalid_request' })
  })

  test('lists filter by state, repository, harness, label, correlation and daemon', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    const ran = await world.running(daemon, { needs: { repo: 'a/b', labels: ['x_y'] }, correlationId: 'c' })
    const other = await world.create({ needs: { harness: 'codex', labels: ['xzy'] } })
    const list = async (filter: object) => {
      const page = await world.store.read((tx) => listTasks(tx, { teamId: world.teamId, limit: 10, ...filter }))
      return page.records.map((record) => record.task.id)
    }
    const { id } = ran.record.task
    expect(await list({})).toEqual([other, id])
    expect(await list({ states: ['running'] })).toEqual([id])
    expect(await list({ states: ['completed', 'queued'] })).toEqual([other])
    expect(await list({ repo: 'a/b' })).toEqual([id])
    expect(await list({ harness: 'codex' })).toEqual([other])
    expect(await list({ harness: 'shell' })).toEqual([id])
    expect(await list({ label: 'x_y' })).toEqual([id])
    expect(await list({ correlationId: 'c' })).toEqual([id])
    expect(await list({ daemon })).toEqual([id])
  })
}

function done(taskId: string) {
  return { op: 'task_status', taskId, statuses: ['completed'] } as const
}

// Tasks that agents create over their daemon's link, and the schemas of what they hand in.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Assignment } from '../../src/protocol/link.ts'
import type { FakeDaemon, World } from './world.ts'
import { endOf, makeWorld, problemOf, runOf } from './world.ts'

let world: World
let daemon: FakeDaemon

beforeAll(async () => {
  world = await makeWorld()
  daemon = await world.daemon({ offer: { maxAgents: 20, profiles: [] } })
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

async function running(body: object = {}): Promise<Assignment> {
  await world.client.call('createTask', { body: { prompt: 'parent', ...body } })
  const [assignment] = (await daemon.claim(2_000)).assignments
  if (assignment === undefined) throw new Error('nothing was claimed')
  await daemon.beat([runOf(assignment)])
  return assignment
}

function ask({ attemptId, epoch }: Assignment, key: string, task: object = { prompt: 'child' }, by = daemon) {
  return by.askRaw('create_task', { attemptId, epoch, key, task }) as Promise<{ id: string }>
}

describe('a task of an agent', () => {
  it('is one for the same key, and has what its creator has at most', async () => {
    const parent = await running({ repo: 'acme/app', labels: [], budgets: { maxTurns: 5 }, runningTimeoutMs: 60_000 })
    const first = await ask(parent, 'k', {
      prompt: 'child',
      budgets: { maxTurns: 50, maxCostUsd: 1 },
      runningTimeoutMs: 0,
    })
    expect(
      await ask(parent, 'k', { prompt: 'child', budgets: { maxTurns: 50, maxCostUsd: 1 }, runningTimeoutMs: 0 }),
    ).toEqual(first)
    expect(await world.client.call('getTask', { params: { id: first.id } })).toMatchObject({
      repo: 'acme/app',
      budgets: { maxTurns: 5, maxCostUsd: 1 },
      runningTimeoutMs: 60_000,
      causeId: parent.task.id,
      hops: 1,
    })
    await world.client.call('cancelTask', { params: { id: first.id }, body: {} })
  })

  it.each([
    ['checks', { checks: [{ name: 'x', command: 'id' }] }, 'unknown_field'],
    ['a cause of its own', { causeId: 'task_x' }, 'unknown_field'],
    ['more autonomy', { autonomy: 'full' }, 'unknown_field'],
    ['a script', { harness: 'shell' }, 'invalid_request'],
    ['a repository that is not there', { repo: 'no/such' }, 'unknown_repo'],
  ])('is refused with %s', async (_, more, code) => {
    const parent = await running()
    expect(await problemOf(ask(parent, 'k', { prompt: 'x', ...more }))).toMatchObject({ code })
    await daemon.ask('result', endOf(parent))
  })

  it('stays on the host that a person named for its creator', async () => {
    const other = await world.daemon({ key: 'key-else-0123456789-0123456789', offer: { name: 'else', hostId: 'else' } })
    const daemons = (await world.client.call('listDaemons', {})).items
    const own = daemons.find((each) => each.name !== 'else')
    const parent = await running({ daemon: own?.id })
    const child = await ask(parent, 'k')
    expect((await world.client.call('getTask', { params: { id: child.id } })).daemon).toBe(own?.id)
    const elsewhere = ask(parent, 'l', { prompt: 'x', daemon: 'else' })
    expect(await problemOf(elsewhere)).toMatchObject({ code: 'invalid_request' })
    await world.client.call('cancelTask', { params: { id: child.id }, body: {} })
    await other.close()
    await daemon.ask('result', endOf(parent))
  })

  it('is refused for another daemon, another epoch, an attempt that ended and a task that was cancelled', async () => {
    const parent = await running()
    const other = await world.daemon({
      key: 'key-other-0123456789-0123456789',
      offer: { name: 'other', hostId: 'other' },
    })
    expect(await problemOf(ask(parent, 'k', { prompt: 'x' }, other))).toMatchObject({ code: 'lease_lost' })
    expect(await problemOf(ask({ ...parent, epoch: 9 }, 'k'))).toMatchObject({ code: 'lease_lost' })
    await other.close()
    await daemon.ask('result', endOf(parent))
    expect(await problemOf(ask(parent, 'k'))).toMatchObject({ code: 'lease_lost' })
    const stopping = await running()
    await world.client.call('cancelTask', { params: { id: stopping.task.id }, body: {} })
    expect(await problemOf(ask(stopping, 'k'))).toMatchObject({ code: 'invalid_state' })
    await daemon.ask('result', endOf(stopping))
  })

  it('is the fiftieth at most', async () => {
    const parent = await running()
    const later = { prompt: 'x', harness: 'shell', runAt: Date.now() + 3_600_000, causeId: parent.task.id }
    for (let i = 0; i < 50; i += 1) await world.client.call('createTask', { body: later })
    expect(await problemOf(ask(parent, 'k'))).toMatchObject({ code: 'too_many_tasks' })
    await daemon.ask('result', endOf(parent))
  })
})

describe('an output schema', () => {
  it.each([
    [{ type: 'strnig' }, 'outputSchema.type'],
    [{ properties: { a: { pattern: '(' } } }, 'outputSchema.properties.a.pattern'],
    [{ $ref: 'https://example.com/schema' }, 'outputSchema.$ref'],
    [{ $ref: '#/$defs/none' }, 'outputSchema.$ref'],
    [{ $schema: 'http://json-schema.org/draft-04/schema#' }, '$schema'],
    [{ items: 3 }, 'outputSchema.items'],
    [{ required: 'name' }, 'outputSchema.required'],
  ])('%j is refused, naming the place', async (outputSchema, place) => {
    const problem = await problemOf(world.client.call('createTask', { body: { prompt: 'x', outputSchema } }))
    expect(problem).toMatchObject({ code: 'invalid_request', detail: expect.stringContaining(place) })
  })

  it('is refused when it is too large, and makes its task one that needs an output', async () => {
    const large = { enum: ['x'.repeat(70_000)] }
    const problem = await problemOf(world.client.call('createTask', { body: { prompt: 'x', outputSchema: large } }))
    expect(problem.code).toBe('too_large')
    const outputSchema = { $defs: { n: { type: 'integer' } }, properties: { n: { $ref: '#/$defs/n' } } }
    const task = await world.client.call('createTask', { body: { prompt: 'x', outputSchema } })
    expect(task).toMatchObject({ expect: 'output', outputSchema })
    const [assignment] = (await daemon.claim(2_000)).assignments
    expect(assignment?.task.outputSchema).toEqual(outputSchema)
  })
})

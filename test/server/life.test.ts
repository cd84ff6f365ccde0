// A task's life over the real HTTP and WebSocket faces.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Followed } from '../../src/client/follow.ts'
import type { World } from './world.ts'
import { endOf, makeWorld, problemOf, runOf, texts, until } from './world.ts'

let world: World
beforeAll(async () => {
  world = await makeWorld()
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

describe('a task', () => {
  test('goes from create to completed, and a follower sees every event once and in order', async () => {
    const daemon = await world.daemon({ key: 'key-of-the-life-test-000000' })
    const held = daemon.claim(5_000)
    const task = await world.client.call('createTask', { body: { prompt: 'echo hi\nmore', harness: 'shell' } })
    expect(task.state).toBe('queued')
    expect(task.title).toBe('echo hi')
    const [assignment] = (await held).assignments
    if (assignment === undefined) throw new Error('nothing was claimed')
    expect(assignment.task.prompt).toBe('echo hi\nmore')

    const seen: Followed[] = []
    const following = (async () => {
      for await (const each of world.client.follow(task.id)) seen.push(each)
    })()
    await daemon.beat([runOf(assignment)])
    const first = await daemon.ask('events', { ...pick(assignment), events: texts(1, 30) })
    expect(first.next).toBe(31)
    const [a, b] = await Promise.all([
      daemon.ask('events', { ...pick(assignment), events: texts(31, 60) }),
      daemon.ask('events', { ...pick(assignment), events: texts(61, 80) }),
    ])
    expect([a.next, b.next].at(-1)).toBe(81)
    const again = await daemon.ask('events', { ...pick(assignment), events: texts(61, 80) })
    expect(again.next).toBe(81)
    const gap = await daemon.ask('events', { ...pick(assignment), events: texts(90, 91) })
    expect(gap.next).toBe(81)
    expect((await daemon.ask('result', { ...endOf(assignment) })).taskState).toBe('completed')
    await following

    const seqs = seen.flatMap((each) => (each.type === 'transcript' ? [each.event.seq] : []))
    expect(seqs).toEqual(Array.from({ length: 80 }, (_, i) => i + 1))
    const states = seen.flatMap((each) => (each.type === 'task' ? [each.task.state] : []))
    expect(states.at(-1)).toBe('completed')
    const late: string[] = []
    for await (const each of world.client.follow(task.id, { lastEventId: '1.78' }))
      if (each.type === 'transcript') late.push(each.id)
    expect(late).toEqual(['1.79', '1.80'])

    const done = await world.client.call('getTask', { params: { id: task.id } })
    expect(done.attempts[0]).toMatchObject({
      n: 1,
      state: 'completed',
      daemonName: 'box',
      harness: 'shell',
      exitCode: 0,
    })
    const page = await world.client.call('listEvents', { params: { id: task.id }, query: { limit: 50 } })
    expect(page.nextCursor).toBe('1.50')
    const log = await world.client.call('getTaskLog', { params: { id: task.id } })
    expect(log.items.map((line) => line.type)).toEqual([
      'created',
      'queued',
      'claimed',
      'started',
      'attempt_ended',
      'completed',
    ])
    const firstTwo = await world.client.call('getTaskLog', { params: { id: task.id }, query: { limit: 2 } })
    expect(firstTwo.items).toEqual(log.items.slice(0, 2))
    const query = { cursor: firstTwo.nextCursor ?? '' }
    expect(await world.client.call('getTaskLog', { params: { id: task.id }, query })).toEqual({
      items: log.items.slice(2),
      nextCursor: null,
    })
    await expect(
      world.client.call('getTaskLog', { params: { id: task.id }, query: { cursor: 'x' } }),
    ).rejects.toMatchObject({ code: 'invalid_request' })
    await daemon.close()
  })

  test('made again under its key is the first task, whatever has become of what it names', async () => {
    await world.client.call('createProfile', { body: { name: 'passing', harness: 'shell' } })
    const expiresAt = Date.now() + 300
    const body = { prompt: 'once', profiles: ['passing'], expiresAt, labels: ['nobody-has-this'] }
    const first = await world.client.call('createTask', { body, idempotencyKey: 'k-again' })
    await until(async () => (await world.client.call('getTask', { params: { id: first.id } })).state === 'expired')
    await world.client.call('removeProfile', { params: { id: 'passing' } })
    const second = await world.client.call('createTask', { body, idempotencyKey: 'k-again' })
    expect([second.id, second.state]).toEqual([first.id, 'expired'])
  })

  test('made twice with one Idempotency-Key is one task, and another body under that key is refused', async () => {
    const body = { prompt: 'once' }
    const first = await world.client.call('createTask', { body, idempotencyKey: 'k-1' })
    const second = await world.client.call('createTask', { body, idempotencyKey: 'k-1' })
    expect(second.id).toBe(first.id)
    const refusal = await problemOf(
      world.client.call('createTask', { body: { prompt: 'other' }, idempotencyKey: 'k-1' }),
    )
    expect(refusal.code).toBe('idempotency_conflict')
    await world.client.call('cancelTask', { params: { id: first.id }, body: {} })
  })

  test('that is cancelled mid-run tells its daemon at once, stays owned, and keeps the result that arrives', async () => {
    const daemon = await world.daemon({ key: 'key-of-the-cancel-test-0000' })
    const task = await world.client.call('createTask', { body: { prompt: 'sleep', harness: 'shell' } })
    const [run] = (await daemon.claim(5_000, 1, task.id)).assignments
    if (run === undefined) throw new Error('nothing was claimed')
    await daemon.beat([runOf(run)])
    const cancelled = await world.client.call('cancelTask', { params: { id: task.id }, body: { message: 'enough' } })
    expect(cancelled.state).toBe('cancelled')
    expect(cancelled.attempts[0]?.ownership).toBe('stopping')
    const row = await until(() => daemon.pushed.find((each) => each.type === 'cancel'))
    expect(row.body).toEqual({ attemptId: run.attemptId, epoch: run.epoch })
    await daemon.ask('ack', { seq: row.seq })
    expect((await daemon.beat([runOf(run)])).cancelled).toEqual([run.attemptId])
    expect((await daemon.ask('events', { ...pick(run), events: texts(1, 2) })).next).toBe(3)
    expect((await daemon.ask('result', endOf(run))).taskState).toBe('cancelled')
    const ended = await world.client.call('getTask', { params: { id: task.id } })
    expect(ended.attempts[0]).toMatchObject({ state: 'cancelled', exitCode: 0, eventCount: 2 })
    await daemon.close()
  })

  test('can be retried when it failed, and rejected or accepted when it is in review', async () => {
    const daemon = await world.daemon({ key: 'key-of-the-review-test-0000' })
    const body = { prompt: 'x', harness: 'shell', review: 'required' } as const
    const task = await world.client.call('createTask', { body })
    const [one] = (await daemon.claim(5_000, 1, task.id)).assignments
    if (one === undefined) throw new Error('nothing was claimed')
    const failed = { ...endOf(one), reason: 'agent_failed', detail: 'exit 1', class: null, resetAt: null } as const
    expect((await daemon.ask('fail', failed)).taskState).toBe('failed')
    const again = await world.client.call('retryTask', { params: { id: task.id }, body: {} })
    expect(again.state).toBe('queued')
    const [two] = (await daemon.claim(5_000, 1, task.id)).assignments
    if (two === undefined) throw new Error('nothing was claimed')
    expect(two.n).toBe(2)
    await daemon.ask('result', endOf(two))
    const rejected = await world.client.call('rejectTask', { params: { id: task.id }, body: { message: 'no tests' } })
    expect(rejected).toMatchObject({ state: 'completed', verdict: 'rejected', detail: 'no tests' })
    const accepted = await problemOf(world.client.call('retryTask', { params: { id: 'task_none' }, body: {} }))
    expect(accepted.code).toBe('not_found')
    await daemon.close()
  })
})

test('a diff comes back as the daemon stored it, and its absence says why', async () => {
  const daemon = await world.daemon({ key: 'key-of-the-diff-test-000000' })
  const task = await world.client.call('createTask', { body: { prompt: 'x', harness: 'shell' } })
  expect((await problemOf(world.client.patch(task.id))).detail).toContain('no attempt yet')
  const [run] = (await daemon.claim(5_000, 1, task.id)).assignments
  if (run === undefined) throw new Error('nothing was claimed')
  const patch = Buffer.from('diff --git a/x b/x\n')
  const { cidOf } = await import('../../src/lib/cid.ts')
  const cid = cidOf(patch)
  await world.as(world.server.daemonToken).putBlob(cid, patch)
  const evidence = {
    workspaceMode: 'worktree' as const,
    branch: 'b',
    baseSha: null,
    headSha: null,
    treeId: null,
    commitsAhead: 0,
    filesChanged: 1,
    insertions: 1,
    deletions: 0,
    untracked: 0,
    diffBytes: patch.length,
    diffCid: cid,
    diffWithheld: null,
    pushedRef: null,
    checks: [],
    checkpointRef: null,
    checkpointSha: null,
    changedByChecks: false,
    nestedRepos: [],
  }
  await daemon.ask('result', { ...endOf(run), evidence })
  expect(await world.client.patch(task.id)).toBe(String(patch))
  const wrong = await problemOf(world.as(world.server.daemonToken).putBlob(cid, Buffer.from('other')))
  expect(wrong.code).toBe('invalid_request')
  await daemon.close()
})

function pick({ attemptId, epoch }: { attemptId: string; epoch: number }) {
  return { attemptId, epoch }
}

// The engine: durability's shape, isolation of commands, notes, leadership.

import { expect, test } from 'vitest'
import { Problem } from '../../../src/core/problem.ts'
import { makeId } from '../../../src/lib/ids.ts'
import { taskLog } from '../../../src/store/log.ts'
import type { NewTask, Note, Tx, Work } from '../../../src/store/port.ts'
import { getSetting, setSetting } from '../../../src/store/settings.ts'
import { createTask } from '../../../src/store/tasks.ts'
import { createTeam, listTeams } from '../../../src/store/teams.ts'
import type { Opener } from '../world.ts'
import { World } from '../world.ts'

export function engineContract(opener: Opener): void {
  test.for([{ group: true as const }, {}])('one failing command in a tick takes nobody along: %o', async (options) => {
    await using world = await World.make(opener)
    const settled = await Promise.allSettled([
      world.store.run((tx) => setSetting(tx, 'first', 1), options),
      world.store.run((tx) => failsAfterWriting(tx), options),
      world.store.run((tx) => setSetting(tx, 'second', 2), options),
    ])
    expect(settled.map((each) => each.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await world.store.read((tx) => getSetting(tx, 'first'))).toBe(1)
    expect(await world.store.read((tx) => getSetting(tx, 'second'))).toBe(2)
    expect(await world.store.read((tx) => getSetting(tx, 'lost'))).toBeNull()
  })

  test('a command that the database refuses is rejected with what it said, and the next one works', async () => {
    await using world = await World.make(opener)
    const again = world.store.run((tx) => createTeam(tx, { id: world.teamId, name: 'another' }))
    await expect(again).rejects.toThrow(/unique|constraint/i)
    await world.store.run((tx) => setSetting(tx, 'after', true))
    expect(await world.store.read((tx) => getSetting(tx, 'after'))).toBe(true)
  })

  test('text with NUL characters survives in documents and does not break plain columns', async () => {
    await using world = await World.make(opener)
    const id = await world.create({ spec: { title: 'a\0b', prompt: 'x\0y \ud800' }, createdBy: 'user:\0' })
    const record = await world.task(id)
    expect(record.spec.title).toBe('a\0b')
    expect(record.spec.prompt).toBe('x\0y \ud800')
    expect(record.createdBy).toBe('user:\uFFFD')
  })

  test('notes are heard after the commit, once, and not when the command failed', async () => {
    await using world = await World.make(opener)
    const heard: Note[] = []
    const stop = world.store.listen((note) => heard.push(note))
    const id = await world.create()
    await world.store.run((tx) => notesThenFails(tx)).catch(() => {})
    await expect.poll(() => heard.length).toBe(2)
    expect(heard).toContainEqual({ kind: 'task', teamId: world.teamId, taskId: id, state: 'queued' })
    expect(heard.map((note) => note.kind).sort()).toEqual(['claimable', 'task'])
    stop()
    await world.create()
    expect(heard).toHaveLength(2)
  })

  test('many commands at once are all kept', async () => {
    await using world = await World.make(opener)
    const given = Array.from({ length: 600 }, () => world.newTask())
    const made = await Promise.all(given.map((each) => world.store.run((tx) => createTask(tx, each), { group: true })))
    expect(new Set(made.map((each) => each.taskId)).size).toBe(600)
    const claimed = await world.claim(makeId('dmn', 0), { max: 600 })
    expect(claimed).toHaveLength(600)
  })

  test('creates that are sent as one keep their own logs, lanes and answers, and one that fails takes nobody along', async () => {
    await using world = await World.make(opener)
    const create = (given: NewTask) =>
      world.store.run((tx) => createTask(tx, given), { group: true, independent: true })
    const given = Array.from({ length: 150 }, (_, i) => world.newTask({ needs: { role: `role-${i % 7}` } }))
    const rivals = ['one', 'other'].map((bodyHash) => world.newTask({ idempotency: { key: 'k', bodyHash } }))
    const [made, [first, second]] = await Promise.all([
      Promise.all(given.map(create)),
      Promise.allSettled(rivals.map(create)), // sent at the same time: either may be the first
    ])
    expect(made.map((each) => each.taskId)).toEqual(given.map((each) => each.id))
    const outcomes = [first, second].map((each) => (each?.status === 'rejected' ? each.reason : 'made'))
    expect(outcomes).toContain('made')
    expect(outcomes).toContainEqual(expect.objectContaining({ code: 'idempotency_conflict' }))
    for (const { taskId, record } of made) {
      expect(await world.task(taskId)).toEqual(record)
      const log = await world.store.read((tx) => taskLog(tx, taskId))
      expect(log.map((line) => line.entry.type)).toEqual(['created', 'queued'])
    }
  })

  test('a closed store refuses commands', async () => {
    const world = await World.make(opener)
    await world.store.close()
    await expect(world.store.run((tx) => listTeams(tx))).rejects.toThrow(Problem)
    await expect(world.store.read((tx) => listTeams(tx))).rejects.toThrow('closed')
  })

  test('what was accepted before closing is there after opening again', async () => {
    const world = await World.make(opener)
    const accepted = world.create()
    const closed = world.store.close()
    const id = await accepted
    await closed
    await using store = disposable(await world.another())
    const teams = await store.read((tx) => listTeams(tx))
    expect(teams.map((team) => team.name)).toEqual(['crew'])
    expect(id).toMatch(/^task_/)
  })

  test('the leader works until it is told to stop', async () => {
    await using world = await World.make(opener)
    const stop = new AbortController()
    let led = 0
    await world.store.lead(async (signal) => {
      led += 1
      stop.abort()
      expect(signal.aborted).toBe(true)
    }, stop.signal)
    expect(led).toBe(1)
  })
}

function* failsAfterWriting(tx: Tx): Work<void> {
  yield* setSetting(tx, 'lost', 1)
  throw new Problem('invalid_state', 'on purpose')
}

function* notesThenFails(tx: Tx): Work<void> {
  tx.notify({ kind: 'fleet', teamId: 'nobody' })
  yield* failsAfterWriting(tx)
}

function disposable<T extends { close(): Promise<void> }>(store: T): T & AsyncDisposable {
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() })
}

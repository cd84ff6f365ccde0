// Transcripts: seq 1…n without a hole, whatever is sent twice or too early.

import { expect, test } from 'vitest'
import type { NumberedEvent } from '../../../src/protocol/events.ts'
import { appendEvents, readEvents } from '../../../src/store/events.ts'
import type { Claimed, Note } from '../../../src/store/port.ts'
import type { Opener } from '../world.ts'
import { World } from '../world.ts'

export function eventsContract(opener: Opener): void {
  const append = (world: World, { daemonId, attemptId, epoch }: Claimed, events: NumberedEvent[]) =>
    world.store.run((tx) => appendEvents(tx, { daemonId, attemptId, epoch, events }), { group: true })
  const read = (world: World, claimed: Claimed, query: object = {}) =>
    world.store.read((tx) => readEvents(tx, claimed.record.task.id, { limit: 1_000, ...query }))

  test('a batch sent again is stored once; an overlap is trimmed; a gap stores nothing and says what is expected', async () => {
    await using world = await World.make(opener)
    const claimed = await world.running(await world.daemon('alpha'))
    expect(await append(world, claimed, events(1, 3))).toEqual({ is: 'done', next: 4 })
    expect(await append(world, claimed, events(1, 3))).toEqual({ is: 'done', next: 4 })
    expect(await append(world, claimed, events(2, 5))).toEqual({ is: 'done', next: 6 })
    expect(await append(world, claimed, events(8, 9))).toEqual({ is: 'done', next: 6 })
    expect(await append(world, claimed, [...events(6, 6), ...events(8, 8)])).toEqual({ is: 'done', next: 7 })
    const page = await read(world, claimed)
    expect(page.events.map((event) => event.seq)).toEqual([1, 2, 3, 4, 5, 6])
    expect(page.events[0]).toEqual({ attempt: 1, seq: 1, at: 1, type: 'text', text: 'line 1\0' })
    expect((await world.task(claimed.record.task.id)).attempts[0]).toMatchObject({
      eventCount: 6,
      lastEventAt: world.clock.now(),
    })
  })

  test('batches of one tick that overlap leave no hole and no double', async () => {
    await using world = await World.make(opener)
    const claimed = await world.running(await world.daemon('alpha'))
    await Promise.all([1, 1, 6, 6, 11].map((from) => append(world, claimed, events(from, from + 4))))
    await append(world, claimed, events(1, 15))
    expect((await read(world, claimed)).events.map((event) => event.seq)).toEqual(
      Array.from({ length: 15 }, (_, n) => n + 1),
    )
  })

  test('pages of a transcript follow each other over chunks and attempts', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    const first = await world.running(daemon)
    for (let from = 1; from < 20; from += 4) await append(world, first, events(from, from + 3))
    await world.fail(first, { reason: 'daemon_abort' })
    const second = await world.claimOne(daemon)
    await append(world, second, events(1, 5))
    const seen: string[] = []
    let after: { attempt: number; seq: number } | undefined
    do {
      const page = await read(world, first, { limit: 7, after })
      seen.push(...page.events.map((event) => `${event.attempt}.${event.seq}`))
      after = page.next ?? undefined
    } while (after !== undefined)
    expect(seen).toEqual([...range(20).map((seq) => `1.${seq}`), ...range(5).map((seq) => `2.${seq}`)])
    expect((await read(world, first, { attempt: 2 })).events).toHaveLength(5)
    const tail = await read(world, first, { after: { attempt: 2, seq: 5 } })
    expect(tail).toEqual({ events: [], next: null })
  })

  test('events are taken while the task is cancelled and after the owner’s own report, not from a superseded owner', async () => {
    await using world = await World.make(opener)
    const daemon = await world.daemon('alpha')
    const stopping = await world.running(daemon)
    await world.do(stopping.record.task.id, { type: 'cancel', by: 'ann', message: '' })
    expect(await append(world, stopping, events(1, 2))).toEqual({ is: 'done', next: 3 })
    await world.complete(stopping)
    expect(await append(world, stopping, events(3, 4))).toEqual({ is: 'done', next: 5 })
    const foreign = { ...stopping, epoch: stopping.epoch + 1 }
    expect(await append(world, foreign, events(5, 5))).toMatchObject({ is: 'refused', refusal: { code: 'lease_lost' } })
    const gone = await world.running(daemon)
    await world.do(gone.record.task.id, { type: 'cancel', by: 'ann', message: '' })
    world.clock.advance(10_000_000)
    await world.sweep()
    expect(await append(world, gone, events(1, 1))).toMatchObject({ is: 'refused', refusal: { code: 'lease_lost' } })
  })

  test('followers are told how far the transcript goes', async () => {
    await using world = await World.make(opener)
    const claimed = await world.running(await world.daemon('alpha'))
    const heard: Note[] = []
    world.store.listen((note) => heard.push(note))
    await append(world, claimed, events(1, 3))
    const note = { kind: 'events', taskId: claimed.record.task.id, attempt: 1, lastSeq: 3 }
    await expect.poll(() => heard).toEqual([note])
  })
}

function events(from: number, to: number): NumberedEvent[] {
  return range(to - from + 1).map((n) => {
    const seq = from + n - 1
    return { seq, at: seq, type: 'text', text: `line ${seq}\0` }
  })
}

function range(length: number): number[] {
  return Array.from({ length }, (_, n) => n + 1)
}

// Held claims: a hint wakes whom it must and nobody else, and a lost hint costs a moment.

import { afterEach, expect, test } from 'vitest'
import type { DaemonId } from '../../src/core/id.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { Seat } from '../../src/server/dispatch.ts'
import { Dispatch } from '../../src/server/dispatch.ts'
import type { Plane } from '../../src/server/plane.ts'
import { createTask } from '../../src/server/service/tasks.ts'
import { defaultSettings } from '../../src/server/settings.ts'
import { openStore } from '../../src/store/open.ts'
import type { Note, Store } from '../../src/store/port.ts'
import { createTeam } from '../../src/store/teams.ts'
import { until } from './world.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

interface Counted {
  readonly plane: Plane
  readonly dispatch: Dispatch
  /** Commands that changed or claimed something, so far. */
  commands: number
}

async function make({ hints = true, relookMs = 60_000 } = {}): Promise<Counted> {
  const store = await openStore({ url: ':memory:', clock: systemClock })
  await store.run((tx) => createTeam(tx, { id: 'team_a', name: 'a' }))
  const counted: { commands: number } = { commands: 0 }
  const counting: Store = {
    ...store,
    dialect: store.dialect,
    run: (work, options) => {
      counted.commands += 1
      return store.run(work, options)
    },
    read: (work) => store.read(work),
    listen: (hear) => store.listen(hear),
    lead: (work, signal) => store.lead(work, signal),
    close: () => store.close(),
  }
  const blobs = { put: async () => {}, get: async () => null, has: async () => false, remove: async () => false }
  const settings = { ...defaultSettings, relookMs }
  const plane: Plane = { store: counting, blobs, clock: systemClock, settings, log: silentLog, version: 'test' }
  const dispatch = new Dispatch(plane)
  if (hints) store.listen((note: Note) => dispatch.hear(note))
  const over = new AbortController()
  const loop = dispatch.run(over.signal)
  closers.push(async () => {
    over.abort()
    dispatch.close()
    await loop
    await store.close()
  })
  return Object.assign(counted, { plane, dispatch })
}

function seat(n: number, running = 0, draining = false): Seat {
  const daemonId: DaemonId = `dmn_${n}`
  const offer = {
    daemonId,
    teamId: 'team_a',
    pool: null,
    repos: [],
    roles: [],
    labels: [],
    types: [],
    harnesses: ['shell'],
    unnamed: ['shell'],
    profiles: [],
    only: {},
  }
  return { daemonId, daemonName: `d${n}`, offer, maxAgents: 10, running, draining }
}

async function add(plane: Plane, count = 1, label?: string): Promise<void> {
  const caller = {
    actor: 'user:t',
    tokenId: 't',
    teamId: 'team_a',
    scopes: ['user' as const],
    role: 'member' as const,
    account: null,
    operator: false,
  }
  const labels = label === undefined ? [] : [label]
  const asked = { caller, params: {}, query: null, idempotencyKey: null, lastEventId: null }
  await Promise.all(Array.from({ length: count }, () => createTask(plane, { ...asked, body: { prompt: 'x', labels } })))
}

/** Waits until so many commands were given and the looks among them have come back: SQLite answers in order. */
async function looked(world: Counted, commands: number): Promise<void> {
  await until(() => world.commands >= commands)
  await world.plane.store.read(function* (tx) {
    yield tx.db.selectFrom('teams').select('id').compile()
  })
  await new Promise((resolve) => setImmediate(resolve))
}

const forever = new AbortController().signal
const ask = { max: 1, waitMs: 20_000, taskId: null }

test('one task among a thousand waiting daemons costs a handful of claims', async () => {
  const world = await make()
  await add(world.plane) // the lane exists
  const taken = await world.dispatch.claim(seat(0), ask, forever)
  expect(taken).toHaveLength(1)
  let answered = 0
  const first = world.commands
  for (let n = 1; n <= 1_000; n += 1)
    void world.dispatch.claim(seat(n), ask, forever).then((claimed) => {
      answered += claimed.length
    })
  await looked(world, first + 1_000)
  const before = world.commands
  await add(world.plane)
  await until(() => answered === 1)
  expect(world.commands - before - 1).toBeLessThanOrEqual(4)
  expect(world.dispatch.waiting).toBe(999)
})

test('many tasks at once reach as many daemons, each task one', async () => {
  const world = await make()
  const claims = Array.from({ length: 40 }, (_, n) => world.dispatch.claim(seat(n), ask, forever))
  await until(() => world.dispatch.waiting === 40)
  await add(world.plane, 40)
  const got = (await Promise.all(claims)).flatMap((claimed) => claimed.map((each) => each.record.task.id))
  expect(new Set(got).size).toBe(40)
})

test('the least busy share is hinted first, and a draining daemon never', async () => {
  const world = await make()
  await add(world.plane)
  await world.dispatch.claim(seat(0), ask, forever)
  const first = world.commands
  const busy = world.dispatch.claim(seat(1, 5), { ...ask, waitMs: 600 }, forever)
  const idle = world.dispatch.claim(seat(2, 1), { ...ask, waitMs: 600 }, forever)
  const draining = world.dispatch.claim(seat(3, 0, true), { ...ask, waitMs: 600 }, forever)
  await looked(world, first + 2) // the draining one does not look
  await add(world.plane)
  expect((await idle).length).toBe(1)
  expect((await busy).length).toBe(0)
  expect((await draining).length).toBe(0)
})

test('a newer claim of the same daemon answers the older one empty', async () => {
  const world = await make()
  const older = world.dispatch.claim(seat(1), ask, forever)
  const newer = world.dispatch.claim(seat(1), ask, forever)
  expect(await older).toEqual([])
  await add(world.plane)
  expect(await newer).toHaveLength(1)
})

test('a task whose hint was lost is found by looking again', async () => {
  const world = await make({ hints: false, relookMs: 50 })
  const claims = [1, 2, 3].map((n) => world.dispatch.claim(seat(n), ask, forever))
  await until(() => world.dispatch.waiting === 3)
  await add(world.plane, 3)
  expect((await Promise.all(claims)).flat()).toHaveLength(3)
})

test('a claim ends empty when its time is over or its connection goes', async () => {
  const world = await make()
  expect(await world.dispatch.claim(seat(1), { ...ask, waitMs: 30 }, forever)).toEqual([])
  const gone = new AbortController()
  const held = world.dispatch.claim(seat(1), ask, gone.signal)
  gone.abort()
  expect(await held).toEqual([])
  expect(world.dispatch.waiting).toBe(0)
})

test('a daemon gets only what it fits', async () => {
  const world = await make()
  const held = world.dispatch.claim(seat(1), { ...ask, waitMs: 400 }, forever)
  await add(world.plane, 1, 'gpu')
  expect(await held).toEqual([])
})

test('a daemon that missed its heartbeats is given nothing until it speaks again', async () => {
  const world = await make({ relookMs: 10 })
  // Half a minute of silence: far less than its lease.
  const frozen: Seat = { ...seat(1), heardAt: world.plane.clock.monotonic() - 30_000 }
  const held = world.dispatch.claim(frozen, ask, forever)
  await add(world.plane)
  const before = world.commands
  await new Promise((resolve) => setTimeout(resolve, 60)) // several looks
  expect(world.commands).toBe(before)
  frozen.heardAt = world.plane.clock.monotonic()
  expect(await held).toHaveLength(1)
})

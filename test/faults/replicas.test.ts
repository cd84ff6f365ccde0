// Replicas: three servers on one PostgreSQL are one server, also while any of them, or PostgreSQL itself, dies under load.
//
// CAPSTAN_SOAK_ROUNDS=n repeats the kills n times (the soak does); the default of one keeps npm test quick.

import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { processEnv } from '../../src/lib/env.ts'
import { withoutPostgres } from '../fakes/postgres.ts'
import { processesOf } from '../journeys/world.ts'
import { endOf, makeOffer, runOf, texts } from '../server/world.ts'
import { ReplicaWorld } from './replica-world.ts'

const rounds = Number(processEnv().CAPSTAN_SOAK_ROUNDS ?? 1)
const limitMs = 60_000 + rounds * 60_000

let world: ReplicaWorld
let failed = false

beforeAll(async () => {
  world = await ReplicaWorld.start(3)
}, 60_000)
afterEach((context) => {
  failed ||= context.task.result?.state === 'fail'
})
afterAll(async () => {
  await world.end(failed)
  expect(processesOf(world.machine.root)).toEqual([])
}, 60_000)

interface Posted {
  readonly connection?: string
  readonly body?: { readonly assignments?: { attemptId: string; epoch: number }[] }
  readonly problem?: { readonly code: string }
  readonly frames?: readonly { readonly type: string; readonly body: unknown }[]
}

interface Added {
  readonly id: string
  readonly mark: string
}

/** Adds tasks one after the other until told to stop; gives all that a server accepted. */
function flow(everyMs = 200): { stop(): Promise<Added[]>; readonly added: readonly Added[] } {
  const added: Added[] = []
  let on = true
  const flowing = (async () => {
    while (on) {
      added.push(await world.add(`for i in 1 2 3; do echo line $i; done`))
      await new Promise((done) => setTimeout(done, everyMs))
    }
  })()
  return {
    added,
    stop: async () => {
      on = false
      await flowing
      return added
    },
  }
}

/** Nothing is lost, nothing ran twice, no line is missing or told twice. */
async function audit(added: readonly Added[]): Promise<void> {
  for (const { id, mark } of added) {
    const task = await world.machine.until(
      `the end of ${mark}`,
      async () => {
        const seen = await world.task(id)
        return seen?.endedAt !== null && seen !== null ? seen : null
      },
      60_000,
    )
    expect({ mark, state: task.state }).toEqual({ mark, state: 'completed' })
    const events = await world.events(id)
    const last = task.attempts.at(-1)
    const own = events.filter((event) => event.attempt === last?.n)
    expect(own.map((event) => event.seq)).toEqual(own.map((_, at) => at + 1))
    const said = own.flatMap((event) => (event.type === 'text' ? event.text.split('\n') : []))
    expect({ mark, said }).toEqual({ mark, said: ['line 1', 'line 2', 'line 3'] })
  }
  const runs = world.runs()
  expect(
    added.filter(({ mark }) => runs.get(mark) !== 1).map(({ mark }) => `${mark} ran ${runs.get(mark)} times`),
  ).toEqual([])
}

async function allConnected(): Promise<void> {
  await world.machine.until('three daemons connected', async () => {
    const counts = await world.connected().catch(() => [])
    return counts.reduce((sum, each) => sum + each, 0) === 3
  })
}

describe.skipIf(withoutPostgres)('three replicas', () => {
  it('share daemons, one leads, and each follower and each cancel reaches across', async () => {
    await allConnected()
    expect((await world.connected()).filter((count) => count > 0).length).toBeGreaterThan(1)
    expect(await world.leaders()).toBe(1)
    const gate = join(world.machine.root, 'gate')
    const wait = `while [ ! -e ${gate} ]; do sleep 0.05; done`
    const followed = await world.add(`echo early; ${wait}; echo late`)
    const following = world.replicas.map(async ({ url }) => {
      const lines: string[] = []
      for await (const each of world.client(url).follow(followed.id)) {
        if (each.type === 'transcript' && each.event.type === 'text') lines.push(...each.event.text.split('\n'))
      }
      return lines
    })
    const stuck = await Promise.all([world.add(wait), world.add(wait), world.add(wait)])
    await world.machine.until('all run', async () => world.runs().size === 4)
    const began = Date.now()
    await Promise.all(
      stuck.map(({ id }, n) => world.client(world.replicas[n]?.url).call('cancelTask', { params: { id }, body: {} })),
    )
    for (const { id } of stuck) {
      await world.machine.until('the cancelled attempt’s end', async () =>
        (await world.task(id))?.attempts.every((attempt) => attempt.endedAt !== null),
      )
    }
    expect(Date.now() - began).toBeLessThan(15_000)
    world.machine.write(gate, '')
    expect(await Promise.all(following)).toEqual(Array.from({ length: 3 }, () => ['early', 'late']))
  })

  it(
    'lose and double nothing when each of them is killed under load',
    async () => {
      for (let round = 0; round < rounds; round += 1) {
        const load = flow()
        for (let n = 0; n < 3; n += 1) {
          const at = load.added.length
          await world.machine.until('tasks flow', async () => load.added.length >= at + 4)
          const [victim] = world.replicas // the oldest: each has its turn
          if (victim === undefined) throw new Error('there is no replica')

          await world.stopReplica(victim, 'SIGKILL')
          await allConnected()

          await world.startReplica(victim.port)
        }
        await audit(await load.stop())
        await world.machine.until('one leader', async () => (await world.leaders()) === 1)
      }
    },
    limitMs,
  )

  it(
    'restart one after the other, and daemons go to the others at once',
    async () => {
      for (let round = 0; round < rounds; round += 1) {
        const load = flow()
        const slowest = { ms: 0 }
        for (let n = 0; n < 3; n += 1) {
          const [first] = world.replicas
          if (first === undefined) throw new Error('there is no replica')
          await allConnected()
          const began = Date.now()
          const stopped = world.stopReplica(first, 'SIGTERM')
          await allConnected()
          slowest.ms = Math.max(slowest.ms, Date.now() - began)
          await stopped
          await world.startReplica(first.port)
        }
        expect(slowest.ms).toBeLessThan(15_000)
        await audit(await load.stop())
      }
    },
    limitMs,
  )

  it(
    'say unavailable while PostgreSQL is away, and go on by themselves with all that was accepted',
    async () => {
      for (let round = 0; round < rounds; round += 1) {
        const load = flow()
        await world.machine.until('tasks flow', async () => load.added.length >= 4)
        const restarted = world.postgres.restart(round % 2 === 0 ? 'crash' : 'polite', 700)
        const refused = await world.machine.until('an answer that says so', async () => {
          const answer = await fetch(`${world.replicas[0]?.url}/v1/tasks`, {
            headers: { authorization: `Bearer ${world.token}` },
          })
          return answer.ok ? null : ((await answer.json()) as { code: string; status: number }) // a problem body
        })
        expect(refused).toMatchObject({ code: 'unavailable', status: 503 })
        await restarted
        await audit(await load.stop())
        await allConnected()
        await world.machine.until('one leader', async () => (await world.leaders()) === 1)
      }
    },
    limitMs,
  )

  // The last one: its connection is counted by each replica it went by, until it has been silent for a while.
  it('take posts of one daemon in turn, as a balancer spreads them', async () => {
    let connection: string | null = null
    let at = 0
    const ask = async (init: RequestInit, query = '') => {
      at += 1
      const replica = world.replicas[at % world.replicas.length]
      const headers = {
        authorization: `Bearer ${world.daemonToken}`,
        ...(connection === null ? {} : { 'capstan-connection': connection }),
      }
      const response = await fetch(`${replica?.url}/v1/daemon/messages${query}`, { ...init, headers })
      expect(response.status).toBe(200)
      return (await response.json()) as Posted
    }
    const post = async (type: string, body: object) => {
      const answer = await ask({ method: 'POST', body: JSON.stringify({ id: at, type, body }) })
      expect(answer.problem).toBeUndefined()
      connection ??= answer.connection ?? null
      return answer.body ?? {}
    }
    const offer = makeOffer({ name: 'posting', labels: ['posting'] })
    await post('register', { protocol: 1, key: 'key-of-the-posting-daemon', bootId: 'boot', offer, running: [] })
    const task = await world.client().call('createTask', {
      body: { prompt: 'x', harness: 'shell', labels: ['posting'] },
    })
    const [run] = (await post('claim', { max: 1, waitMs: 5_000, taskId: task.id })).assignments ?? []
    if (run === undefined) throw new Error('nothing was claimed')
    const claim = { attemptId: run.attemptId, epoch: run.epoch }
    for (let n = 0; n < 4; n += 1) {
      await post('heartbeat', { runs: [runOf(run)], draining: false, freeDiskBytes: null, freeMemoryBytes: null })
      expect(await post('events', { ...claim, events: texts(n * 2 + 1, n * 2 + 2) })).toEqual({ next: n * 2 + 3 })
    }
    const held = ask({ method: 'GET' }, '?after=0')
    await world.client(world.replicas[at % 3]?.url).call('cancelTask', { params: { id: task.id }, body: {} })
    expect((await held).frames).toMatchObject([{ type: 'cancel', body: claim }])
    await post('abort', { ...endOf(run), detail: 'stopped' })
    expect(await world.events(task.id)).toHaveLength(8)
  })
})

// The link by posts and polls: the same messages, the same answers, and a daemon that changes between both ways.

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeClient } from '../../src/client/client.ts'
import type { TaskView } from '../../src/protocol/task.ts'
import { startHttpProxy } from '../fakes/http-proxy.ts'
import { World as Machine, processesOf, type Up } from '../journeys/world.ts'
import type { World } from './world.ts'
import { endOf, makeOffer, makeWorld, runOf, texts, until } from './world.ts'

let world: World
beforeAll(async () => {
  world = await makeWorld({ pollMs: 400, pingMs: 100, tokenCacheMs: 50 })
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

const path = '/v1/daemon/messages'
let keys = 0

interface Answer {
  readonly connection?: string
  readonly body?: Record<string, unknown>
  readonly problem?: { code: string; detail: string }
  readonly code?: string
}

/** A daemon that a test plays over posts. */
function posting(token: string = world.server.daemonToken) {
  keys += 1
  const key = `key-of-http-link-test-${keys}`
  let connection: string | null = null
  let id = 0
  const headers = () => ({
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    ...(connection === null ? {} : { 'capstan-connection': connection }),
  })
  const raw = async (init: RequestInit, query = '') => {
    const response = await world.raw(path + query, { ...init, headers: { ...headers(), ...(init.headers as object) } })
    const text = await response.text()
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Answer } // tests look at what they expect
  }
  const post = async (type: string, body: unknown): Promise<Answer> => {
    id += 1
    const { body: answer } = await raw({ method: 'POST', body: JSON.stringify({ id, type, body }) })
    return answer
  }
  return {
    key,
    raw,
    post,
    /** What the server answers; throws on a problem. */
    ask: async <T = Record<string, unknown>>(type: string, body: unknown): Promise<T> => {
      const answer = await post(type, body)
      if (answer.body === undefined) throw new Error(JSON.stringify(answer))
      return answer.body as T // the caller names the table's shape
    },
    register: async (more: object = {}) => {
      const answer = await post('register', {
        protocol: 1,
        key,
        bootId: 'boot-1',
        offer: makeOffer({ name: key }),
        running: [],
        ...more,
      })
      connection = answer.connection ?? connection
      return answer
    },
    poll: async (after: number) => {
      const { status, body } = await raw({ method: 'GET' }, `?after=${after}`)
      return {
        status,
        ...(body as unknown as {
          frames: { seq: number; type: string; body: unknown }[]
          closed: { code: number } | null
        }),
      }
    },
  }
}

async function running(daemon: ReturnType<typeof posting>) {
  const task = await world.client.call('createTask', { body: { prompt: 'x', harness: 'shell' } })
  const { assignments } = await daemon.ask<{ assignments: { attemptId: string; epoch: number }[] }>('claim', {
    max: 1,
    waitMs: 5_000,
    taskId: task.id,
  })
  const [run] = assignments
  if (run === undefined) throw new Error('nothing was claimed')
  await beat(daemon, [runOf(run)])
  return { task, run }
}

function beat(daemon: ReturnType<typeof posting>, runs: unknown[] = []) {
  return daemon.ask('heartbeat', { runs, draining: false, freeDiskBytes: null, freeMemoryBytes: null })
}

describe('posts and polls', () => {
  it('carry a task from its claim to its result', async () => {
    const daemon = posting()
    expect((await daemon.register()).connection).toMatch(/^http-/)
    const { task, run } = await running(daemon)
    const claim = { attemptId: run.attemptId, epoch: run.epoch }
    expect(await daemon.ask('events', { ...claim, events: texts(1, 5) })).toEqual({ next: 6 })
    expect(await daemon.ask('events', { ...claim, events: texts(4, 9) })).toEqual({ next: 10 })
    await daemon.ask('result', endOf(run))
    const view = await world.client.call('getTask', { params: { id: task.id } })
    expect(view.attempts[0]).toMatchObject({ eventCount: 9 })
    expect((await daemon.raw({ method: 'DELETE' })).status).toBe(204)
    expect(await world.client.call('getDaemon', { params: { id: daemon.key } })).toMatchObject({ connected: false })
  })

  it('bring a row at once, and again until it is acknowledged', async () => {
    const daemon = posting()
    await daemon.register()
    const { task, run } = await running(daemon)
    const held = daemon.poll(0)
    await world.client.call('cancelTask', { params: { id: task.id }, body: {} })
    const [row] = (await held).frames
    expect(row).toMatchObject({ type: 'cancel', body: { attemptId: run.attemptId, epoch: run.epoch } })
    expect((await daemon.poll(0)).frames).toEqual([row])
    expect((await daemon.poll(row?.seq ?? 0)).frames).toEqual([])
    await daemon.register()
    expect((await daemon.poll(0)).frames).toEqual([row]) // polled past, and not acknowledged
    await daemon.ask('ack', { seq: row?.seq })
    await daemon.ask('abort', { ...endOf(run), detail: 'stopped' })
    await daemon.raw({ method: 'DELETE' })
    const again = posting()
    await again.register({ key: daemon.key })
    expect((await again.poll(0)).frames).toEqual([])
  })

  it('are refused before the registration, without the header, with another token and after the end', async () => {
    const daemon = posting()
    expect(await daemon.post('heartbeat', {})).toMatchObject({ problem: { code: 'invalid_state' } })
    expect((await daemon.raw({ method: 'GET' })).body).toMatchObject({ code: 'invalid_request' })
    const ghost = { 'capstan-connection': 'http-of-nobody' }
    expect((await daemon.raw({ method: 'GET', headers: ghost })).body).toMatchObject({ code: 'invalid_state' })
    expect((await daemon.raw({ method: 'POST', body: '{}' })).body).toMatchObject({ code: 'invalid_request' })
    expect((await daemon.raw({ method: 'POST', body: '{' })).body).toMatchObject({ code: 'malformed_json' })
    expect((await daemon.raw({ method: 'POST', body: 'x'.repeat(2_000_000) })).status).toBe(413)
    expect((await daemon.raw({ method: 'PUT', body: '{}' })).status).toBe(405)
    const { connection } = await daemon.register()
    const made = await world.client.call('createToken', { body: { name: 'other', scopes: ['daemon'] } })
    const thief = posting(made.secret)
    const stolen = await thief.raw({ method: 'GET', headers: { 'capstan-connection': connection ?? '' } })
    expect(stolen.body).toMatchObject({ code: 'invalid_state' })
    expect((await posting(world.server.token).register()).code).toBe('forbidden')
    expect((await posting('cap_nobody').register()).code).toBe('unauthorized')
  })

  it('end with the token', async () => {
    const made = await world.client.call('createToken', { body: { name: 'short', scopes: ['daemon'] } })
    const daemon = posting(made.secret)
    await daemon.register()
    const held = daemon.poll(0)
    await world.client.call('revokeToken', { params: { id: made.id } })
    expect((await held).closed).toMatchObject({ code: 4401 })
    expect((await daemon.poll(0)).status).toBe(401)
  })

  it('end when the daemon is silent, and not while it polls', async () => {
    const daemon = posting()
    await daemon.register()
    for (let n = 0; n < 3; n += 1) expect((await daemon.poll(0)).closed).toBeNull()
    const { connected } = await world.client.call('getDaemon', { params: { id: daemon.key } })
    expect(connected).toBe(true)
    await until(async () => !(await world.client.call('getDaemon', { params: { id: daemon.key } })).connected)
    expect((await daemon.poll(0)).status).toBe(409)
  })

  it('give way to a newer connection of the same daemon', async () => {
    const daemon = posting()
    await daemon.register()
    const held = daemon.poll(0)
    const socket = await world.daemon({ key: daemon.key, bootId: 'boot-1' })
    expect((await held).closed).toMatchObject({ code: 4409 })
    expect((await daemon.raw({ method: 'GET' })).body).toMatchObject({ code: 'invalid_state' })
    await socket.close()
  })

  it.each([
    { server: [1, 1], daemon: 1, speaks: 1 },
    { server: [1, 2], daemon: 1, speaks: 1 },
    { server: [1, 2], daemon: 2, speaks: 2 },
    { server: [2, 3], daemon: 2, speaks: 2 },
    { server: [2, 3], daemon: 1, speaks: null },
    { server: [1, 2], daemon: 3, speaks: null },
  ])(
    'a server that speaks $server and a daemon that speaks $daemon agree on $speaks',
    async ({ server, daemon, speaks }) => {
      const [oldest = 0, newest = 0] = server
      await using other = await makeWorld({ protocol: { oldest, newest } })
      const asked = await other.connect()
      const register = asked.register({ protocol: daemon })
      if (speaks === null) {
        await expect(register).rejects.toMatchObject({ code: 'protocol_unsupported' })
        return
      }
      expect((await register).protocol).toBe(speaks)
      const task = await other.client.call('createTask', { body: { prompt: 'x', harness: 'shell' } })
      const [run] = (await asked.claim(5_000)).assignments
      if (run === undefined) throw new Error('nothing was claimed')
      await asked.beat([runOf(run)])
      await asked.ask('result', endOf(run))
      expect((await other.client.call('getTask', { params: { id: task.id } })).attempts).toHaveLength(1)
    },
  )

  it('a newer daemon whose registration reads otherwise is told of the version, not of a field', async () => {
    const daemon = posting()
    const answer = await daemon.post('register', { protocol: 9, hello: 'in words of tomorrow' })
    expect(answer.problem?.code).toBe('protocol_unsupported')
    expect(answer.problem?.detail).toContain('9')
  })
})

const script =
  'i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo line $i; sleep 0.05; [ $i -lt 50 ] || while [ ! -e "$GATE" ]; do sleep 0.05; done; done; echo done > done.txt'

describe('a daemon behind a proxy that refuses sockets', () => {
  it('goes by posts, returns to a socket when it can, goes back again, and loses or doubles no line', async () => {
    const machine = new Machine()
    let failed = true
    try {
      const repo = await machine.repo('app')
      const server = await machine.start<Up>([
        'server',
        '--data',
        join(machine.root, 'server'),
        '--listen',
        '127.0.0.1:0',
      ])
      await using proxy = await startHttpProxy(server.line.url)
      proxy.sockets = false
      const env = { CAPSTAN_URL: server.line.url, CAPSTAN_TOKEN: server.line.token }
      const { secret } = await machine.json<{ secret: string }>(['token', 'add', 'host', '--scope', 'daemon'], { env })
      const daemon = await machine.start(
        ['daemon', '--data', join(machine.root, 'host'), '--workspace', repo, '--socket-retry', '300ms'],
        { cwd: repo, env: { CAPSTAN_URL: proxy.url, CAPSTAN_TOKEN: secret, CAPSTAN_TRANSPORT: 'auto' } },
      )
      expect(proxy.seen.refused).toBeGreaterThan(0)
      const gate = join(machine.root, 'gate')
      const { id } = await machine.json<TaskView>(
        ['task', 'add', '--prompt', script.replace('$GATE', gate), '--repo', 'app', '--harness', 'shell'],
        { env },
      )
      const client = makeClient({ url: server.line.url, token: server.line.token })
      const lines = async () => {
        const { items } = await client.call('listEvents', { params: { id }, query: { limit: 200 } })
        expect(items.map((event) => event.seq)).toEqual(items.map((_, at) => at + 1))
        return items.flatMap((event) => (event.type === 'text' ? event.text.split('\n') : []))
      }
      await machine.until('lines over posts', async () => (await lines()).length > 5)
      expect(proxy.seen.opened).toBe(0)
      proxy.sockets = true
      await machine.until('the socket is back', async () => proxy.seen.opened > 0)
      const before = (await lines()).length
      await machine.until('lines over the socket', async () => (await lines()).length > before)
      proxy.sockets = false
      proxy.cutSockets()
      const posts = proxy.seen.posts
      await machine.until('posts again', async () => proxy.seen.posts > posts)
      machine.write(gate, '')
      const task = await machine.until('its end', async () => {
        const seen = await client.call('getTask', { params: { id } })
        return seen.endedAt === null ? null : seen
      })
      expect(task).toMatchObject({ state: 'completed' })
      expect(task.attempts).toHaveLength(1)
      expect(await lines()).toEqual(Array.from({ length: 60 }, (_, i) => `line ${i + 1}`))
      expect(await daemon.stop()).toBe(0)
      const [host] = (await client.call('listDaemons', {})).items
      expect(host?.connected).toBe(false)
      failed = false
    } finally {
      await machine.end(failed)
    }
    expect(processesOf(machine.root)).toEqual([])
  }, 90_000)
})

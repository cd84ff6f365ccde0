// /mcp on a real server: who may, what is refused, and that nothing is held between requests.

import { request } from 'node:http'
import type { CallToolResult } from '@modelcontextprotocol/client'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operationTools } from '../../src/mcp/tools.ts'
import type { World } from './world.ts'
import { makeWorld, until } from './world.ts'

let world: World

beforeAll(async () => {
  world = await makeWorld()
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

async function connect(token = world.server.token): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' })
  const requestInit = { headers: { authorization: `Bearer ${token}` } }
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', world.server.url), { requestInit }))
  return client
}

async function call(client: Client, name: string, args: Record<string, unknown> = {}): Promise<CallToolResult> {
  return (await client.callTool({ name, arguments: args })) as CallToolResult
}

function post(headers: Record<string, string>, body: string): Promise<Response> {
  const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  return fetch(`${world.server.url}/mcp`, { method: 'POST', headers: { ...json, ...headers }, body })
}

/** What a page gets that reaches us by a name of its own (DNS rebinding): `fetch` sets no Host. */
function statusFor(host: string): Promise<number> {
  const { hostname, port } = new URL(world.server.url)
  const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  const headers = { ...json, host, authorization: `Bearer ${world.server.token}` }
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path: '/mcp', method: 'POST', headers }, (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
    asked.on('error', reject)
    asked.end(list)
  })
}

const list = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' })

describe('/mcp', () => {
  it('has one tool for every operation that is neither a stream nor an upload', () => {
    const names = [...operationTools().keys()]
    expect(names).toContain('get_blob')
    for (const absent of ['follow_task', 'put_blob', 'create_token']) expect(names).not.toContain(absent)
    for (const { spec, path, query, body } of operationTools().values())
      expect(new Set([...path, ...query, ...body]).size, spec.name).toBe(path.length + query.length + body.length)
  })

  it('lists to a user only what a user may do, and to an administrator all', async () => {
    const made = await world.client.call('createToken', { body: { name: 'ann', scopes: ['user'] } })
    const names = async (token?: string) => (await (await connect(token)).listTools()).tools.map((tool) => tool.name)
    expect(await names(made.secret)).not.toContain('create_team')
    expect(await names()).toContain('create_team')
    const refused = await call(await connect(made.secret), 'create_team', { name: 'x' })
    expect(refused).toMatchObject({ isError: true, structuredContent: { code: 'forbidden' } })
  })

  it('refuses a caller without a token, with a cookie only, and with a token of a daemon', async () => {
    const bare = await post({}, list)
    expect(bare.status).toBe(401)
    expect(bare.headers.get('www-authenticate')).toContain('Bearer')
    expect((await post({ cookie: `capstan_session=${world.server.token}` }, list)).status).toBe(401)
    const daemon = await post({ authorization: `Bearer ${world.server.daemonToken}` }, list)
    expect([daemon.status, await daemon.json()]).toMatchObject([403, { code: 'forbidden' }])
  })

  it('refuses a page of another origin, and a name that is not this server’s', async () => {
    const authorization = `Bearer ${world.server.token}`
    expect((await post({ authorization, origin: 'https://evil.example' }, list)).status).toBe(403)
    expect((await post({ authorization, origin: 'null' }, list)).status).toBe(403)
    for (const host of ['evil.example', `evil.example:${new URL(world.server.url).port}`, '127.0.0.1.evil.example'])
      expect([host, await statusFor(host)]).toEqual([host, 421])
    expect(await statusFor(new URL(world.server.url).host)).toBe(200)
  })

  it('has no session that somebody could plant: who is asked for is told by the token of each request alone', async () => {
    const made = await world.client.call('createToken', { body: { name: 'mallory', scopes: ['user'] } })
    const planted = { 'mcp-session-id': 'planted-by-mallory', cookie: 'mcp-session-id=planted-by-mallory' }
    const first = await post({ ...planted, authorization: `Bearer ${world.server.token}` }, list)
    expect([first.status, first.headers.get('mcp-session-id'), first.headers.get('set-cookie')]).toEqual([
      200,
      null,
      null,
    ])
    expect(await first.text()).toContain('create_team')
    const second = await post({ ...planted, authorization: `Bearer ${made.secret}` }, list)
    expect(await second.text()).not.toContain('create_team')
    expect((await post(planted, list)).status).toBe(401)
    for (const method of ['GET', 'DELETE']) {
      const headers = { ...planted, authorization: `Bearer ${world.server.token}`, accept: 'text/event-stream' }
      expect((await fetch(`${world.server.url}/mcp`, { method, headers })).status).toBe(405)
    }
  })

  it('shows nothing to a token of another team', async () => {
    const task = await world.client.call('createTask', { body: { prompt: 'secret' } })
    const team = await world.client.call('createTeam', { body: { name: 'others' } })
    const made = await world.client.call('createToken', { body: { name: 'eve', scopes: ['user'], team: team.id } })
    const eve = await connect(made.secret)
    expect((await call(eve, 'list_tasks')).structuredContent).toMatchObject({ items: [] })
    for (const name of ['get_task', 'cancel_task', 'task_wait'])
      expect(await call(eve, name, { id: task.id }), name).toMatchObject({ structuredContent: { code: 'not_found' } })
  })

  it('behind a proxy is written down with the address that the proxy saw', async () => {
    await using behind = await makeWorld({}, { trustProxy: true })
    const headers = { authorization: `Bearer ${behind.server.token}`, 'x-forwarded-for': 'made-up, 203.0.113.9' }
    const client = new Client({ name: 'test', version: '1' })
    await client.connect(
      new StreamableHTTPClientTransport(new URL('/mcp', behind.server.url), { requestInit: { headers } }),
    )
    await call(client, 'create_pool', { name: 'proxied' })
    const [line] = (await behind.client.call('listAudit', { query: { operation: 'createPool' } })).items
    expect(line).toMatchObject({ address: '203.0.113.9', detail: { name: 'proxied' } })
    await client.close()
  })

  it('names the argument that is unknown, missing or wrong, and what to do', async () => {
    const client = await connect()
    const unknown = await call(client, 'create_task', { prompt: 'x', promt: 'y' })
    expect(unknown).toMatchObject({ isError: true, structuredContent: { code: 'unknown_field' } })
    expect(JSON.stringify(unknown.content)).toMatch(/promt.*it takes.*prompt/)
    expect(JSON.stringify(await call(client, 'get_task'))).toContain('argument id is missing')
    expect(JSON.stringify(await call(client, 'create_task', { prompt: 7 }))).toContain('prompt')
    expect(JSON.stringify(await call(client, 'task_wait', { id: 'x', timeoutMs: -1 }))).toContain('timeoutMs')
    const nested = await call(client, 'create_task', { prompt: 'x', budgets: { maxTurn: 1 } })
    expect(JSON.stringify(nested)).toContain('budgets.maxTurn')
    await expect(client.callTool({ name: 'make_tea', arguments: {} })).rejects.toThrow('make_tea')
  })

  it('creates once for the same idempotencyKey', async () => {
    const client = await connect()
    const ids = []
    for (let i = 0; i < 2; i += 1)
      ids.push((await call(client, 'create_task', { prompt: 'once', idempotencyKey: 'k-1' })).structuredContent)
    expect(ids[0]).toEqual(ids[1])
  })

  it('goes on with a client that connected before the server was restarted: there is no session to lose', async () => {
    const client = await connect()
    await world.restart()
    expect((await call(client, 'whoami')).isError).toBeUndefined()
  })

  it('ends a wait when its token is revoked', async () => {
    const task = await world.client.call('createTask', { body: { prompt: 'x' } })
    const made = await world.client.call('createToken', { body: { name: 'bob', scopes: ['user'] } })
    const bob = await connect(made.secret)
    const waiting = call(bob, 'task_wait', { id: task.id, timeoutMs: 30_000 })
    waiting.catch(() => {}) // awaited below
    await until(async () => (await world.client.call('listTokens', {})).items.find((each) => each.id === made.id))
    await world.client.call('revokeToken', { params: { id: made.id } })
    const ended = await waiting.catch((error: unknown) => ({ structuredContent: { code: String(error) } }))
    expect(JSON.stringify(ended)).toMatch(/unauthorized|401/i)
  })

  it.each([
    ['is not JSON', '{', 400],
    ['is too large', JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'x'.repeat(3_000_000) }), 413],
    ['is nested like an attack', `${'['.repeat(5_000)}${']'.repeat(5_000)}`, 400],
  ])('answers a body that %s with a problem', async (_, body, status) => {
    expect((await post({ authorization: `Bearer ${world.server.token}` }, body)).status).toBe(status)
  })
})

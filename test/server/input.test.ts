// Bad input at the door: one clear sentence each, and the server goes on.

import { request } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { limits } from '../../src/protocol/names.ts'
import type { World } from './world.ts'
import { makeWorld, problemOf } from './world.ts'

let world: World
beforeAll(async () => {
  world = await makeWorld({ headersTimeoutMs: 400, requestTimeoutMs: 800 })
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

async function post(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) {
  const response = await world.raw('/v1/tasks', {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  })
  return (await response.json()) as Record<string, unknown>
}

/** With headers that fetch does not let a caller set. */
function bare(
  path: string,
  headers: Record<string, string>,
  method = 'GET',
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const { port, token } = world.server
    const all = { authorization: `Bearer ${token}`, ...headers }
    const sent = request({ host: '127.0.0.1', port, path, method, headers: all }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    sent.on('error', reject)
    sent.end()
  })
}

test('an unknown field is refused by its name, also inside', async () => {
  expect(await post('{"prompt":"x","promt":1}')).toMatchObject({ code: 'unknown_field', status: 400 })
  expect((await post('{"prompt":"x","promt":1}')).detail).toContain('"promt"')
  expect((await post('{"prompt":"x","workspace":{"mod":"scratch"}}')).detail).toContain('"workspace.mod"')
  const query = await world.raw('/v1/tasks?stat=queued')
  expect(((await query.json()) as { detail: string }).detail).toContain('"stat"')
})

test('a wrong value is refused with its field', async () => {
  expect((await post('{"prompt":""}')).detail).toContain('a task needs a prompt')
  expect((await post('{"prompt":"x","priority":"high"}')).detail).toContain('priority')
  const deep = { op: 'all', conditions: [{ op: 'task_status', taskId: 'x', statuses: ['gone'] }] }
  expect((await post(JSON.stringify({ prompt: 'x', claimCondition: deep }))).detail).toContain('claimCondition')
})

test('JSON that is none, not UTF-8, too deep, or holds NUL is refused in words', async () => {
  expect((await post('{"prompt":')).code).toBe('malformed_json')
  expect((await post(new Uint8Array([0x22, 0xff, 0x22]))).code).toBe('malformed_json')
  expect((await post(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)).detail).toContain('nested deeper')
  expect((await post('{"prompt":"a\\u0000b"}')).detail).toContain('NUL')
  expect((await post('{"prompt":"x","input":{"a\\u0000b":1}}')).detail).toContain('NUL')
  expect((await post('[]')).code).toBe('invalid_request')
})

test('a body over the limit is refused with both sizes, announced or not', async () => {
  const big = 'x'.repeat(10_000_000)
  const refused = await post(JSON.stringify({ prompt: big }))
  expect(refused).toMatchObject({ code: 'too_large', status: 413 })
  expect(refused.detail).toContain(`${limits.bodyBytes} bytes`)
  const stream = new ReadableStream({
    start(controller) {
      for (let i = 0; i < 40; i += 1) controller.enqueue(Buffer.from(big.slice(0, 100_000)))
      controller.close()
    },
  })
  const init: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    body: stream,
    duplex: 'half',
    headers: { 'content-type': 'application/json' },
  }
  const chunked = await world.raw('/v1/tasks', init)
  expect(chunked.status).toBe(413)
  const long = await post(JSON.stringify({ prompt: 'ä'.repeat(600_000) }))
  expect(long.detail).toBe(`the prompt has 1200000 bytes; the limit is ${limits.promptBytes} bytes`)
})

test('another content type, path or method is refused as such', async () => {
  expect((await post('prompt=x', { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(415)
  expect((await world.raw('/v1/nothing')).status).toBe(404)
  expect((await world.raw('/v1/tasks', { method: 'DELETE' })).status).toBe(405)
  const answer = await world.raw('/nothing')
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  expect(await answer.json()).toMatchObject({ code: 'not_found', instance: expect.stringContaining('urn:uuid:') })
})

test('names that stand for nothing are refused with the known ones', async () => {
  const daemon = await world.daemon()
  await world.client.call('createPool', { body: { name: 'east' } })
  await world.client.call('createProfile', { body: { name: 'fast', harness: 'shell' } })
  const refusal = async (body: object) =>
    await problemOf(world.client.call('createTask', { body: { prompt: 'x', ...body } }))
  expect(await refusal({ repo: 'acme/none' })).toMatchObject({
    code: 'unknown_repo',
    detail: expect.stringContaining('acme/app'),
  })
  expect(await refusal({ pool: 'west' })).toMatchObject({
    code: 'unknown_pool',
    detail: expect.stringContaining('east'),
  })
  expect(await refusal({ profiles: ['slow'] })).toMatchObject({
    code: 'unknown_profile',
    detail: expect.stringContaining('fast'),
  })
  expect(await refusal({ daemon: 'cube' })).toMatchObject({
    code: 'unknown_daemon',
    detail: expect.stringContaining('box'),
  })
  expect(await refusal({ harness: 'clawd' })).toMatchObject({
    code: 'unknown_harness',
    detail: expect.stringContaining('codex'),
  })
  expect(await refusal({ causeId: 'task_x' })).toMatchObject({ code: 'unknown_task' })
  expect(await refusal({ harness: 'codex', profiles: ['fast'] })).toMatchObject({ code: 'contradiction' })
  expect(await refusal({ harness: 'shell', model: 'x' })).toMatchObject({ code: 'contradiction' })
  expect(await refusal({ workspace: { mode: 'worktree' } })).toMatchObject({ code: 'contradiction' })
  expect(await refusal({ daemon: 'box', pool: 'east' })).toMatchObject({ code: 'contradiction' })
  expect(await refusal({ expiresAt: 5 })).toMatchObject({ code: 'invalid_request' })
  await daemon.close()
})

test('what does not fit is said in words, not in those of a library', async () => {
  const said = async (body: object) => (await post(JSON.stringify(body))).detail
  expect(await said({})).toBe('the body: prompt: is missing')
  expect(await said({ prompt: 5 })).toBe('the body: prompt: must be a string, not 5')
  expect(await said({ prompt: 'x', title: '' })).toBe('the body: title: is empty')
  expect(await said({ prompt: 'x', title: 'y'.repeat(201) })).toBe('the body: title: must have at most 200 characters')
  expect(await said({ prompt: 'x', priority: 1.5 })).toBe('the body: priority: must be a whole number, not 1.5')
  expect(await said({ prompt: 'x', priority: 5_000 })).toBe('the body: priority: must be at most 1000, not 5000')
})

test('a word that is not of a table is repeated; what may be a secret is not, wherever it stands', async () => {
  const said = async (body: object) => (await post(JSON.stringify({ prompt: 'x', ...body }))).detail
  expect(await said({ expect: 'magic' })).toBe('the body: expect: must be one of changes, output, nothing, not "magic"')
  expect(await said({ priority: 'high' })).toBe('the body: priority: must be a number, not "high"')
  expect(await said({ labels: 'hunter2' })).toBe('the body: labels: must be an array')
  expect(await said({ repo: 'hunter 2' })).not.toContain('hunter')
  const profile = async (body: object) => {
    const init = { method: 'POST', body: JSON.stringify({ name: 'p', ...body }) }
    const answer = await world.raw('/v1/profiles', { ...init, headers: { 'content-type': 'application/json' } })
    return `${answer.status} ${await answer.text()}`
  }
  const hidden = [{ env: 'hunter2' }, { env: { DATABASE_URL: 17_17 } }, { sandbox: { env: { PGPASS: 17_17 } } }]
  for (const body of hidden) expect(await profile(body)).toMatch(/^400 (?!.*(hunter|1717))/)
})

test('a condition on a task that is not there is refused by its id', async () => {
  const known = await world.client.call('createTask', { body: { prompt: 'x', role: 'none' } })
  const after = (taskId: string) => ({ op: 'task_accepted', taskId })
  const any = { op: 'any', conditions: [after(known.id), after('task_nope')] }
  const refused = await post(JSON.stringify({ prompt: 'x', claimCondition: any }))
  expect(refused).toMatchObject({ status: 400, code: 'unknown_task', detail: expect.stringContaining('task_nope') })
  const fine = { prompt: 'x', claimCondition: { op: 'task_accepted' as const, taskId: known.id } }
  expect((await world.client.call('createTask', { body: fine })).state).toBe('waiting')
})

test('a problem keeps the instance under which the server logs it', async () => {
  const refused = await problemOf(world.client.call('getTask', { params: { id: 'task_nope' } }))
  expect(refused.instance).toMatch(/^urn:uuid:/)
  expect(refused.toBody().instance).toBe(refused.instance)
})

test('tasks that make tasks stop at the hop limit', async () => {
  let causeId = (await world.client.call('createTask', { body: { prompt: 'x' } })).id
  for (let hop = 1; hop <= limits.hops; hop += 1) {
    const next = await world.client.call('createTask', { body: { prompt: 'x', causeId } })
    expect(next.hops).toBe(hop)
    causeId = next.id
  }
  const refused = await problemOf(world.client.call('createTask', { body: { prompt: 'x', causeId } }))
  expect(refused.code).toBe('hops_exceeded')
})

test('a Host that is not ours is refused, so that DNS rebinding gets nowhere', async () => {
  const { port } = world.server
  expect((await bare('/v1/whoami', { host: `localhost:${port}` })).status).toBe(200)
  expect((await bare('/v1/whoami', { host: `[::1]:${port}` })).status).toBe(200)
  for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1', '127.0.0.1:1'])
    expect((await bare('/v1/whoami', { host })).status).toBe(421)
  expect((await bare('/healthz', { host: '10.0.0.7' })).status).toBe(200)
})

test('a page of another origin cannot change anything nor open the daemon link', async () => {
  const { url, port, daemonToken } = world.server
  const path = '/v1/tasks'
  expect((await bare(path, { origin: 'http://evil.example' }, 'POST')).status).toBe(403)
  expect((await bare(path, { origin: 'null' }, 'POST')).status).toBe(403)
  expect((await bare(path, { origin: `http://localhost:${port}` }, 'POST')).status).toBe(400)
  const status = (headers: Record<string, string>) =>
    new Promise<number>((resolve) => {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/daemon`, { headers })
      socket.once('unexpected-response', (_, response) => resolve(response.statusCode ?? 0))
      socket.once('open', () => {
        socket.terminate()
        resolve(101)
      })
      socket.once('error', () => {})
    })
  const authorization = `Bearer ${daemonToken}`
  expect(await status({ authorization })).toBe(101)
  expect(await status({ authorization, origin: 'http://evil.example' })).toBe(403)
  expect(await status({ authorization, host: 'evil.example' })).toBe(421)
  expect(await status({})).toBe(401)
  expect(await status({ authorization: `Bearer ${world.server.token}` })).toBe(403)
})

test('a client that sends its headers or body too slowly is cut', async () => {
  const cut = (text: string) =>
    new Promise<string>((resolve) => {
      const socket = connect(world.server.port, '127.0.0.1', () => socket.write(text))
      let answer = ''
      socket.on('data', (chunk) => {
        answer += chunk
      })
      socket.on('close', () => resolve(answer))
      socket.on('error', () => {})
    })
  expect(await cut('GET / HTTP/1.1\r\nhost: x')).toContain('408')
  const slow = `POST /v1/tasks HTTP/1.1\r\nhost: 127.0.0.1:${world.server.port}\r\nauthorization: Bearer ${world.server.token}\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{`
  await cut(slow)
  expect((await world.raw('/v1/whoami')).status).toBe(200)
})

// What the server shows besides REST and link: why-sentences, OpenAPI, pages, health, metrics, slow readers, refusals at the start.

import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { operations } from '../../src/protocol/operations.ts'
import { isLoopback, makeGuard } from '../../src/server/guard.ts'
import { refuseUnsafe } from '../../src/server/listen.ts'
import { startServer } from '../../src/server/server.ts'
import type { World } from './world.ts'
import { endOf, makeWorld, problemOf, runOf, texts, until } from './world.ts'

let world: World
beforeAll(async () => {
  world = await makeWorld({ followBufferBytes: 2_000_000, streamBeatMs: 50 })
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

test('a task nobody takes says why in words, for its own team', async () => {
  const { client } = world
  const why = async (body: object) => {
    const { id } = await client.call('createTask', { body: { prompt: 'x', ...body } })
    const task = await client.call('getTask', { params: { id } })
    await client.call('cancelTask', { params: { id }, body: {} })
    return task.why
  }
  expect(await why({})).toBe('no daemon is connected; start one with: capstan daemon')
  const daemon = await world.daemon({ offer: { maxAgents: 1 } })
  expect(await why({ repo: 'acme/app', role: 'qa' })).toBe(
    'no connected daemon serves repo acme/app with role qa; 1 serves repo acme/app',
  )
  await client.call('createPool', { body: { name: 'night' } })
  expect(await why({ pool: 'night' })).toContain('is in pool night')
  expect(await why({})).toContain('about to be claimed')
  const runAt = Date.now() + 3_600_000
  expect(await why({ runAt })).toBe(`waits until ${new Date(runAt).toISOString().slice(0, 19)}Z`)
  const other = await client.call('createTask', { body: { prompt: 'first', role: 'none' } })
  const claimCondition = { op: 'task_status', taskId: other.id, statuses: ['completed'] }
  expect(await why({ claimCondition })).toBe(`waits for ${other.id} to be completed`)
  await client.call('cancelTask', { params: { id: other.id }, body: {} })
  await daemon.close()
})

test('openapi.json has every operation, and every reference in it leads somewhere', async () => {
  const document = (await (await fetch(`${world.server.url}/openapi.json`)).json()) as {
    openapi: string
    paths: Record<string, Record<string, { operationId: string }>>
  }
  expect(document.openapi).toBe('3.1.0')
  const ids = Object.values(document.paths).flatMap((path) => Object.values(path).map((each) => each.operationId))
  expect(ids.toSorted()).toEqual(Object.keys(operations).toSorted())
  for (const [, reference = ''] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const found = reference.split('/').reduce<unknown>((at, key) => (at as Record<string, unknown>)?.[key], document) // walks JSON
    expect(found, reference).toBeDefined()
  }
})

test('pages carry a strict policy and no inline script', async () => {
  for (const path of ['/', '/docs']) {
    const response = await fetch(world.server.url + path)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(response.headers.get('content-security-policy')).not.toContain('unsafe')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(await response.text()).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bon\w+=/)
  }
})

test('health, readiness and metrics answer', async () => {
  const get = async (path: string) => (await fetch(world.server.url + path)).text()
  expect(JSON.parse(await get('/healthz'))).toEqual({ status: 'ok' })
  expect(JSON.parse(await get('/readyz'))).toEqual({ status: 'ready', store: 'sqlite' })
  await get('/metrics')
  const daemon = await world.daemon()
  const task = await world.client.call('createTask', { body: { prompt: 'x' } })
  const [run] = (await daemon.claim(5_000, 1, task.id)).assignments
  if (run === undefined) throw new Error('nothing was claimed')
  expect(await get('/metrics')).toContain('capstan_leases_open 1')
  await daemon.ask('result', endOf(run))
  const text = await until(async () => {
    const found = await get('/metrics')
    return found.includes('capstan_attempts_total{outcome="completed",reason="none"} 1') ? found : null
  })
  for (const name of [
    'capstan_tasks{state="queued"}',
    'capstan_oldest_queued_seconds',
    'capstan_daemons_connected 1',
    'capstan_claim_latency_seconds_count',
    'capstan_http_request_seconds_count{operation="createTask",status="201"}',
  ])
    expect(text).toContain(name)
  await daemon.close()
})

test('a reader that does not keep up is cut, and slows neither the writer nor other readers', async () => {
  const daemon = await world.daemon()
  const task = await world.client.call('createTask', { body: { prompt: 'x' } })
  const [run] = (await daemon.claim(5_000, 1, task.id)).assignments
  if (run === undefined) throw new Error('nothing was claimed')
  await daemon.beat([runOf(run)])
  const { port, token } = world.server
  const lazy = connect(port, '127.0.0.1')
  lazy.write(
    `GET /v1/tasks/${task.id}/stream HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: close\r\nauthorization: Bearer ${token}\r\n\r\n`,
  )
  let heard = ''
  await new Promise<void>((resolve) =>
    lazy.once('data', (chunk) => {
      heard += String(chunk)
      lazy.pause() // reads no more
      resolve()
    }),
  )
  const seen: number[] = []
  const following = (async () => {
    for await (const each of world.client.follow(task.id)) if (each.type === 'transcript') seen.push(each.event.seq)
  })()
  await until(async () => (await (await fetch(`${world.server.url}/metrics`)).text()).includes('capstan_followers 2'))
  const line = 'y'.repeat(15_000)
  for (let first = 1; first <= 1_600; first += 50) {
    const events = texts(first, first + 49).map((each) => ({ ...each, text: line }))
    await daemon.ask('events', { attemptId: run.attemptId, epoch: run.epoch, events })
  }
  await daemon.ask('result', endOf(run))
  await following
  expect(seen).toEqual(Array.from({ length: 1_600 }, (_, i) => i + 1))
  lazy.on('data', (chunk) => {
    heard = (heard + String(chunk)).slice(-2_000)
  })
  lazy.on('error', () => {})
  const ended = new Promise((resolve) => lazy.once('close', resolve))
  lazy.resume()
  await ended
  expect(heard).not.toContain('event: end')
  await daemon.close()
}, 20_000)

test('a reader that names a place beyond the end disturbs neither itself nor others', async () => {
  const daemon = await world.daemon()
  const task = await world.client.call('createTask', { body: { prompt: 'x' } })
  const [run] = (await daemon.claim(5_000, 1, task.id)).assignments
  if (run === undefined) throw new Error('nothing was claimed')
  await daemon.beat([runOf(run)])
  const claim = { attemptId: run.attemptId, epoch: run.epoch }
  await daemon.ask('events', { ...claim, events: texts(1, 3) })
  const read = async (lastEventId?: string) => {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
    const response = await world.raw(`/v1/tasks/${task.id}/stream`, { headers })
    const heard = { text: '', over: false }
    void (async () => {
      for await (const chunk of response.body ?? []) heard.text += new TextDecoder().decode(chunk)
      heard.over = true
    })()
    return heard
  }
  const ahead = await read('9.9')
  await until(() => ahead.text.includes('event: task'), 'the first reader')
  const normal = await read()
  await until(() => normal.text.includes('id: 1.3'), 'the second reader')
  await daemon.ask('events', { ...claim, events: texts(4, 5) })
  await daemon.ask('result', endOf(run))
  await until(() => ahead.over && normal.over, 'the ends')
  const ids = (text: string) => [...text.matchAll(/^id: (\S+)$/gm)].map(([, id]) => id)
  expect(ids(normal.text)).toEqual(['1.1', '1.2', '1.3', '1.4', '1.5'])
  expect(ids(ahead.text)).toEqual(['1.4', '1.5'])
  await daemon.close()
})

test('an idle stream is kept alive with comments', async () => {
  const task = await world.client.call('createTask', { body: { prompt: 'x', role: 'none' } })
  const response = await world.raw(`/v1/tasks/${task.id}/stream`)
  const reader = response.body?.getReader()
  let text = ''
  while (!text.includes(': beat')) text += new TextDecoder().decode((await reader?.read())?.value)
  expect(text).toContain('event: task')
  await reader?.cancel()
})

const base = { version: 'test', clock: systemClock, log: silentLog }

test('a port in use is refused naming the port and the remedy', async () => {
  const { port } = world.server
  const options = {
    ...base,
    database: ':memory:',
    dataDir: join(world.dir, 'second'),
    listen: { host: '127.0.0.1', port },
  }
  const refused = await problemOf(startServer(options))
  expect(refused.code).toBe('configuration')
  expect(refused.detail).toMatch(new RegExp(`port ${port} .*--port`))
  expect(existsSync(options.dataDir)).toBe(false)
  const open = startServer({ ...options, listen: { host: '0.0.0.0', port: 0 } })
  expect((await problemOf(open)).detail).toContain('--insecure')
  expect(existsSync(options.dataDir)).toBe(false)
})

test('plain HTTP beyond loopback is refused unless somebody said so', () => {
  const listen = { host: '0.0.0.0', port: 0 }
  expect(() => refuseUnsafe({ listen })).toThrow(/--insecure/)
  expect(() => refuseUnsafe({ listen, publicUrl: 'https://x.example' })).toThrow(/--trust-proxy/)
  expect(() => refuseUnsafe({ listen, publicUrl: 'x.example', trustProxy: true })).toThrow(/not an http/)
  refuseUnsafe({ listen, insecure: true })
  refuseUnsafe({ listen, tls: { cert: 'c', key: 'k' } })
  refuseUnsafe({ listen, publicUrl: 'https://x.example', trustProxy: true })
  expect(['127.0.0.1', '::1', 'localhost', '127.8.8.8'].every(isLoopback)).toBe(true)
  expect(['127.0.0.1.evil.example', '10.0.0.1', '::'].some(isLoopback)).toBe(false)
})

test('a public URL’s host and origin are its own', () => {
  const guard = makeGuard({ host: '0.0.0.0', port: 80, tls: false, publicUrl: 'https://Capstan.example' })
  const check = (host: string, origin?: string) =>
    guard.check({ method: 'POST', headers: origin === undefined ? { host } : { host, origin }, upgrade: false })
      ?.code ?? null
  expect(check('capstan.example', 'https://capstan.example')).toBeNull()
  expect(check('localhost', 'http://localhost')).toBeNull()
  expect(check('capstan.example', 'http://capstan.example')).toBe('origin_refused')
  expect(check('capstan.example:8080')).toBe('host_refused')
})

test('the local token is kept in a file only its owner reads, and made anew when it no longer works', async () => {
  const path = join(world.dir, 'token')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readFileSync(path, 'utf8').trim()).toBe(world.server.token)
  writeFileSync(path, 'cap_gone\n')
  await world.restart()
  expect(readFileSync(path, 'utf8').trim()).toBe(world.server.token)
  expect((await world.client.call('whoami', {})).scopes).toEqual(['admin', 'user'])
})

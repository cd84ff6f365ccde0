// The same journey over PostgreSQL and over TLS.

import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TaskView } from '../../src/protocol/task.ts'
import { startPostgres, type TestPostgres, withoutPostgres } from '../fakes/postgres.ts'
import type { Up } from './world.ts'
import { processesOf, World } from './world.ts'

let world: World
let postgres: TestPostgres | null = null

beforeEach(() => {
  world = new World()
})

afterEach(async (context) => {
  await world.end(context.task.result?.state === 'fail')
  expect(processesOf(world.root)).toEqual([])
  await postgres?.stop()
  postgres = null
})

describe('on PostgreSQL', () => {
  it.skipIf(withoutPostgres)('up, a task, a proven diff, and all of it there after a restart', async () => {
    postgres = await startPostgres()
    const env = { CAPSTAN_DATABASE: await postgres.makeDatabase() }
    const repo = await world.repo('app')
    const first = await world.up(repo, [], env)
    const task = await world.finish([
      '--prompt',
      'echo x > x.txt',
      '--repo',
      'app',
      '--harness',
      'shell',
      '--expect',
      'changes',
    ])
    expect(task).toMatchObject({
      state: 'completed',
      attempts: [{ state: 'completed', evidence: { filesChanged: 1 } }],
    })
    expect((await world.json<{ server: { store: string } }>(['whoami'])).server.store).toBe('postgres')
    await first.stop('SIGKILL')
    await world.up(repo, [], env)
    expect((await world.json<TaskView>(['task', 'show', task.id])).state).toBe('completed')
    expect((await world.capstan(['task', 'diff', task.id])).stdout).toContain('+x')
  })
})

describe('over TLS', () => {
  it('daemon and command line speak to a server with its own authority, and to no other', async () => {
    const [key, cert] = [join(world.root, 'key.pem'), join(world.root, 'cert.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
    const made = await world.run('openssl', [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      cert,
      ...subject,
    ])
    expect(made.code).toBe(0)
    const { line } = await world.start<Up>([
      'server',
      '--listen',
      '127.0.0.1:0',
      '--data',
      join(world.root, 'server'),
      '--tls-cert',
      cert,
      '--tls-key',
      key,
    ])
    expect(line.url).toMatch(/^https:/)
    const trusting = { CAPSTAN_URL: line.url, CAPSTAN_TOKEN: line.token, NODE_EXTRA_CA_CERTS: cert }
    const { secret } = await world.json<{ secret: string }>(['token', 'add', 'host', '--scope', 'daemon'], {
      env: trusting,
    })
    const repo = await world.repo('app')
    await world.start(['daemon', '--data', join(world.root, 'host'), '--workspace', repo], {
      cwd: repo,
      env: { ...trusting, CAPSTAN_TOKEN: secret },
    })
    const { id } = await world.json<TaskView>(
      ['task', 'add', '--prompt', 'echo x > x.txt', '--repo', 'app', '--harness', 'shell'],
      { env: trusting },
    )
    expect((await world.capstan(['task', 'wait', id, '--timeout', '30s'], { env: trusting })).code).toBe(0)
    const stranger = await world.capstan(['task', 'ls'], { env: { CAPSTAN_URL: line.url, CAPSTAN_TOKEN: line.token } })
    expect(stranger.code).toBe(69)
  })

  it('plain HTTP beyond this machine is refused unless it is asked for', async () => {
    const ran = await world.capstan(['server', '--listen', '0.0.0.0:0', '--data', join(world.root, 'server')])
    expect(ran.code).toBe(78)
    expect(ran.stderr).toContain('--insecure')
  })
})

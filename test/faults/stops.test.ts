// How a daemon and a server stop: in time, with the right exit code, and with nobody's work lost.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { processesOf } from '../journeys/world.ts'
import { fieldOfEachTest } from './field.ts'

const make = fieldOfEachTest()

/** Ignores TERM, and says when it started. */
const stubborn = "trap '' TERM; echo up; while :; do sleep 0.2; done"

test('stopping the daemon gives work back; it never cancels a user’s task', async () => {
  const field = await make()
  const host = await field.host('box')
  const { id } = await field.add('echo up; sleep 60')
  await field.running(id)
  const begun = performance.now()
  expect(await host.stop('SIGTERM')).toBe(0)
  expect(performance.now() - begun).toBeLessThan(30_000)
  const task = await field.task(id)
  expect(task.state).toBe('queued')
  expect(task.attempts[0]).toMatchObject({ state: 'aborted', reason: 'daemon_abort' })
  expect(task.reason).toBe('given_back')
})

test('a second signal kills agents that do not heed the first; their work is kept and given back', async () => {
  const field = await make()
  const host = await field.host('box')
  const { id } = await field.add(`echo half > half.txt; ${stubborn}`, { repo: 'app' })
  await field.when(id, 'speaks', (task) => (task.attempts[0]?.eventCount ?? 0) > 0)
  host.child.kill('SIGTERM')
  await new Promise((done) => setTimeout(done, 500)) // within the grace of the first
  const begun = performance.now()
  expect(await host.stop('SIGTERM')).toBe(0)
  expect(performance.now() - begun).toBeLessThan(9_000)
  const task = await field.task(id)
  expect(task.attempts[0]).toMatchObject({ state: 'aborted', evidence: { untracked: 1 } })
})

test('a third signal ends the daemon at once; the agents it leaves are taken over or ended by the next', async () => {
  const field = await make({ leaseTtlMs: 60_000 })
  const host = await field.host('box')
  const { id } = await field.add(stubborn)
  await field.when(id, 'speaks', (task) => (task.attempts[0]?.eventCount ?? 0) > 0)
  host.child.kill('SIGTERM')
  await new Promise((done) => setTimeout(done, 200))
  host.child.kill('SIGTERM')
  const begun = performance.now()
  await host.stop('SIGTERM')
  expect(performance.now() - begun).toBeLessThan(9_000) // the agent's grace is ten seconds
  await field.host('box')
  await field.client.call('cancelTask', { params: { id }, body: {} })
  await field.when(id, 'is over', (task) => task.attempts.every((attempt) => attempt.endedAt !== null))
})

test('with --no-stop-agents the daemon leaves within five seconds and exits 0; its agents run on and are taken over', async () => {
  const field = await make({ leaseTtlMs: 60_000 })
  const host = await field.host('box', { args: ['--no-stop-agents'] })
  const gate = field.gate()
  const { id } = await field.add(`echo before; ${gate.wait}; echo after`)
  await field.running(id)
  const begun = performance.now()
  expect(await host.stop('SIGTERM')).toBe(0)
  expect(performance.now() - begun).toBeLessThan(5_000)
  expect(processesOf(field.world.root).some((line) => line.includes('supervisor'))).toBe(true)
  gate.open()
  await field.host('box', { args: ['--no-stop-agents'] })
  const task = await field.ended(id)
  expect(task.attempts).toHaveLength(1)
  expect(await field.said(id)).toEqual(['before', 'after'])
})

test('a final report survives a shutdown while the server is away', async () => {
  const field = await make({ leaseTtlMs: 60_000 })
  const host = await field.host('box')
  const gate = field.gate()
  const { id } = await field.add(`echo before; ${gate.wait}`)
  const [attempt] = (await field.running(id)).attempts
  await field.stopServer()
  gate.open()
  const copy = readdirSync(join(host.dataDir, 'daemon')).map((state) =>
    join(host.dataDir, 'daemon', state, 'runs', attempt?.id ?? '', 'state.json'),
  )
  await field.world.until('the report waits for the server', async () =>
    readFileSync(copy[0] ?? '', 'utf8').includes('"step":"reported"'),
  )
  expect(await host.stop('SIGTERM')).toBe(0)
  await field.startServer()
  await field.host('box')
  const task = await field.ended(id)
  expect(task).toMatchObject({ state: 'completed' })
  expect(task.attempts).toHaveLength(1)
  expect(await field.said(id)).toEqual(['before'])
})

test('a server that shuts down tells its daemons, who come back to the next one and keep their runs', async () => {
  const field = await make({ leaseTtlMs: 60_000 })
  await field.host('box')
  const gate = field.gate()
  const { id } = await field.add(`echo before; ${gate.wait}; echo after`)
  await field.running(id)
  const begun = performance.now()
  await field.stopServer()
  expect(performance.now() - begun).toBeLessThan(5_000)
  await field.startServer()
  gate.open()
  expect((await field.ended(id)).attempts).toHaveLength(1)
})

test('a daemon that is refused says so and exits: 77 without a valid token, 69 without a server, 78 when misconfigured', async () => {
  const field = await make()
  const daemon = (args: string[], env: Record<string, string>) =>
    field.world.capstan(['daemon', ...args, '--data', join(field.world.root, 'refused'), '--workspace', field.repo], {
      cwd: field.repo,
      env,
    })
  const { url, daemonToken } = field.server
  const stranger = await daemon([], { CAPSTAN_URL: url, CAPSTAN_TOKEN: 'cap_wrong' })
  expect(stranger.code).toBe(77)
  expect(stranger.stderr).toMatch(/token/)
  const member = await daemon([], { CAPSTAN_URL: url, CAPSTAN_TOKEN: field.server.token })
  expect(member.code).toBe(77)
  const lonely = await daemon(['batch'], { CAPSTAN_URL: 'http://127.0.0.1:9', CAPSTAN_TOKEN: daemonToken })
  expect(lonely.code).toBe(69)
  const lost = await daemon(['--pool', 'nowhere'], { CAPSTAN_URL: url, CAPSTAN_TOKEN: daemonToken })
  expect(lost.code).toBe(78)
  expect(lost.stderr).toContain('nowhere')
  expect((await field.client.call('listDaemons', {})).items).toEqual([])
})

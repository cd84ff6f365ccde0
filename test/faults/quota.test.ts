// Limits of accounts: a quota stop is not a failure and not a hang, and a retry loop is seen while it happens.

import { join } from 'node:path'
import { expect, test } from 'vitest'
import { claude, fakeCli, limitedClaude, print } from '../fakes/cli.ts'
import type { Field } from './field.ts'
import { fieldOfEachTest } from './field.ts'

const make = fieldOfEachTest()

/** A limit that is spent for so long, as of now. */
function spend(field: Field, name: string, ms: number): { file: string; until: number } {
  const file = join(field.world.root, `${name}.until`)
  const until = Date.now() + ms
  field.world.write(file, String(until))
  return { file, until }
}

test('a quota stop is not a failure and not a hang: with one host the task is parked until the reset, and completes by itself', async () => {
  const field = await make()
  const cli = limitedClaude(field.world, 'bin-a', join(field.world.root, 'a.until'))
  await field.host('a', { env: cli.env })
  const { until } = spend(field, 'a', 4_000)
  const { id } = await field.add('do it', { harness: 'claude-code', maxAttempts: 1 })
  const parked = await field.when(id, 'is parked', (task) => task.state === 'parked')
  expect(parked).toMatchObject({
    reason: 'quota',
    why: expect.stringContaining('the quota of claude-code on a is spent'),
  })
  expect(parked.notBefore).toBeGreaterThanOrEqual(until)
  expect(parked.notBefore).toBeLessThan(until + 1_000)
  expect(parked.attempts[0]).toMatchObject({ state: 'failed', reason: 'quota' })
  const [host] = (await field.client.call('listDaemons', {})).items
  const found = host?.harnesses.find((each) => each.name === 'claude-code')
  expect(found).toMatchObject({ ready: true, account: expect.stringMatching(/^key-[0-9a-f]{10}$/) })
  expect(found?.exhaustedUntil).toBeGreaterThanOrEqual(until)
  // Another task for that harness waits in the queue: no agent is started only to be told no.
  const second = await field.add('and this', { harness: 'claude-code' })
  const queued = await field.when(second.id, 'says why', (task) => task.why?.includes('quota') === true)
  expect(queued.state).toBe('queued')
  expect(queued.why).toMatch(/^waits for a spent quota: quota of claude-code on a until .+Z \(in [\d.]+s\)$/)
  expect(cli.runs()).toBe(1)
  for (const each of [id, second.id]) expect((await field.ended(each)).state).toBe('completed')
  expect((await field.task(id)).attempts.map((attempt) => attempt.reason)).toEqual(['quota', null])
  expect(cli.runs()).toBe(3)
})

test('a quota stop moves the task at once to another host that has quota left, and costs no attempt', async () => {
  const field = await make()
  const { file } = spend(field, 'a', 60_000)
  const [spent, fresh] = [limitedClaude(field.world, 'bin-a', file), limitedClaude(field.world, 'bin-b', '/dev/null')]
  await field.host('a', { env: spent.env })
  const { id } = await field.add('do it', { harness: 'claude-code', maxAttempts: 1 })
  await field.when(id, 'is parked', (task) => task.state === 'parked')
  const shown = await field.world.capstan(['daemon', 'show', 'a'], { env: field.login })
  expect(shown.stdout).toMatch(/claude-code 2\.1\.329: quota spent until \S+ \(in \d+[sm]\)/)
  await field.host('b', { env: fresh.env })
  const task = await field.ended(id)
  expect(task.state).toBe('completed')
  expect(task.attempts.map((attempt) => [attempt.daemonName, attempt.reason])).toEqual([
    ['a', 'quota'],
    ['b', null],
  ])
  // The next one does not even try the spent account.
  const next = await field.add('again', { harness: 'claude-code' })
  expect((await field.ended(next.id)).attempts.map((attempt) => attempt.daemonName)).toEqual(['b'])
  expect(spent.runs()).toBe(1)
})

test('whoever knows that there is quota again need not wait: undrain makes the host try, task retry the task', async () => {
  const field = await make()
  const { file } = spend(field, 'a', 60_000)
  const cli = limitedClaude(field.world, 'bin-a', file)
  await field.host('a', { env: cli.env })
  const moves = await field.add('do it', { harness: 'claude-code' })
  await field.when(moves.id, 'is parked', (task) => task.state === 'parked')
  const stays = await field.add('do it', { harness: 'claude-code', onRateLimit: 'park' })
  spend(field, 'a', 0) // somebody has bought more
  await field.world.capstan(['daemon', 'undrain', 'a'], { env: field.login })
  for (const { id } of [moves, stays]) expect((await field.ended(id)).state).toBe('completed')
  spend(field, 'a', 60_000)
  const parked = await field.add('do it', { harness: 'claude-code', onRateLimit: 'park' })
  await field.when(parked.id, 'is parked', (task) => task.state === 'parked')
  await field.world.capstan(['task', 'retry', parked.id], { env: field.login })
  expect((await field.task(parked.id)).why).toContain('waits for a spent quota')
  spend(field, 'a', 0)
  await field.world.capstan(['daemon', 'undrain', 'a'], { env: field.login })
  expect((await field.ended(parked.id)).attempts.map((attempt) => attempt.reason)).toEqual(['quota', null])
})

test('a task that names no harness goes on with the host’s next one; what a host knows of its quotas survives kill -9', async () => {
  const field = await make()
  const { file } = spend(field, 'a', 60_000)
  const limited = limitedClaude(field.world, 'bin', file)
  const turn = { type: 'turn.completed', usage: { input_tokens: 1, cached_input_tokens: 0, output_tokens: 1 } }
  const script = print({ type: 'thread.started', thread_id: 't1' }, { type: 'turn.started' }, turn)
  const codex = fakeCli(field.world, { folder: 'bin', program: 'codex', version: 'codex-cli 0.169.0', script })
  const env = { ...limited.env, OPENAI_API_KEY: 'sk-x' }
  const host = await field.host('a', { env })
  const { id } = await field.client.call('createTask', { body: { prompt: 'do it' } })
  const task = await field.ended(id)
  expect(task.attempts.map((attempt) => [attempt.harness, attempt.reason])).toEqual([
    ['claude-code', 'quota'],
    ['codex', null],
  ])
  await host.stop('SIGKILL')
  await field.host('a', { env })
  const again = await field.client.call('createTask', { body: { prompt: 'and again' } })
  expect((await field.ended(again.id)).attempts.map((attempt) => attempt.harness)).toEqual(['codex'])
  // A model is named: another CLI would not know it, so the task waits for the one that does.
  const named = await field.client.call('createTask', { body: { prompt: 'and again', model: 'sonnet' } })
  const parked = await field.when(named.id, 'is parked', (each) => each.state === 'parked')
  expect(parked.why).toContain('it waits for that')
  expect([limited.runs(), codex.runs()]).toEqual([1, 2])
})

test('a retry loop inside the CLI is seen and named, and acted on as the task asks', async () => {
  const field = await make()
  const loop = Array.from({ length: 8 }, (_, i) => claude.retry(i + 1))
  const script = `[ -e half.txt ] || echo half > half.txt\n${print(claude.init, claude.text('hm'), ...loop)}exec sleep 60\n`
  const cli = fakeCli(field.world, { folder: 'bin', program: 'claude', version: '2.1.329 (Claude Code)', script })
  await field.host('a', { env: { ...cli.env, ANTHROPIC_API_KEY: 'sk-ant-a' } })
  const { id } = await field.add('do it', { harness: 'claude-code', repo: 'app', onRateLimit: 'park' })
  const task = await field.when(id, 'is parked', (each) => each.state === 'parked')
  expect(task).toMatchObject({ reason: 'quota', why: expect.stringContaining('it waits for that') })
  const [attempt] = task.attempts
  expect(attempt?.detail).toMatch(/^rate limited: retrying for [\d.]+(ms|s) \(429\), try 8 of 10; the task waits/)
  expect(attempt).toMatchObject({ reason: 'quota', evidence: { untracked: 1, checkpointRef: expect.any(String) } })
  const { items } = await field.client.call('listEvents', { params: { id } })
  expect(items.filter((event) => event.type === 'retry')).toHaveLength(8)
})

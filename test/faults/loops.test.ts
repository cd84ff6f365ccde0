// Loops and storms: what repeats stops, what is slow delays nobody, what is outside stays outside.

import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fieldOfEachTest } from './field.ts'

const make = fieldOfEachTest()

test('agents that trigger agents stop at the hop limit', async () => {
  const field = await make()
  let causeId: string | undefined
  for (let hop = 0; hop <= 8; hop += 1) {
    const task = await field.add('true', causeId === undefined ? {} : { causeId })
    expect(task.hops).toBe(hop)
    causeId = task.id
  }
  await expect(field.add('true', { causeId: causeId ?? '' })).rejects.toMatchObject({ code: 'hops_exceeded' })
})

test('the same error twice running stops the retries, and says so', async () => {
  const field = await make()
  await field.host('box')
  const same = await field.add('echo "no such module at $(date +%s%N)" >&2; exit 3', {
    maxAttempts: 10,
    retryOn: ['agent_failed'],
  })
  const other = await field.add('exit $CAPSTAN_ATTEMPT', { maxAttempts: 3, retryOn: ['agent_failed'] })
  const task = await field.ended(same.id)
  expect(task.attempts).toHaveLength(2)
  expect(task.detail).toContain('the same failure twice running')
  await field.ended(other.id)
})

test('work that kills its host stops after five hosts, with that reason, and costs no attempt before', async () => {
  const field = await make({ leaseTtlMs: 1_000, reconnectGraceMs: 200 })
  const { id } = await field.add('sleep 60', { maxAttempts: 1 })
  const hosts = ['one', 'two', 'three', 'four', 'five', 'six']
  for (const [i, name] of hosts.entries()) {
    if ((await field.task(id)).endedAt !== null) break
    const host = await field.host(name)
    await field.when(id, `is tried on ${name}`, (task) => task.attempts.length === i + 1 && task.state === 'running')
    await host.stop('SIGKILL')
    await field.when(id, 'is to be had again', (task) => task.state === 'queued' || task.endedAt !== null)
  }
  const task = await field.ended(id)
  expect(task).toMatchObject({ state: 'failed', reason: 'infrastructure' })
  expect(task.detail).toContain('5 attempts in a row')
  expect(task.attempts).toHaveLength(5)
  expect(task.attempts.every((attempt) => attempt.state === 'lease_expired')).toBe(true)
  // The agents of the dead hosts are the supervisors' to end; here the hosts come back and hear that they lost.
  for (const name of hosts.slice(0, 5)) await field.host(name)
  await field.world.until('all agents are gone', async () => {
    const { stdout } = await field.world.run('sh', [
      '-c',
      `grep -ls 'CAPSTAN_TASK_ID=${id}' /proc/[0-9]*/environ | wc -l`,
    ])
    return stdout.trim() === '0'
  })
}, 60_000)

test('a silent agent is shown as stalled, from facts, and ends as its task asks', async () => {
  const field = await make({ stalledMs: 700 })
  await field.host('box')
  const quiet = 'echo up; sleep 30'
  const told = await field.add(quiet)
  const failed = await field.add(quiet, { onStall: 'fail', stallTimeoutMs: 2_000 })
  const given = await field.add(`[ "$CAPSTAN_ATTEMPT" -gt 1 ] || { ${quiet}; }`, {
    onStall: 'abort',
    stallTimeoutMs: 2_000,
  })
  const seen = await field.when(told.id, 'is shown as stalled', (task) => task.attempts[0]?.stalledSince != null)
  expect(seen).toMatchObject({ state: 'running' })
  expect(seen.why).toMatch(/^stalled: no word from the agent since .*; it goes on until you cancel it$/)
  const listed = (await field.client.call('listTasks', { query: {} })).items.find((task) => task.id === told.id)
  expect(listed?.attempts[0]?.stalledSince).not.toBeNull()
  expect(await field.ended(failed.id)).toMatchObject({ state: 'failed', reason: 'stalled' })
  const again = await field.ended(given.id)
  expect(again.attempts.map((attempt) => attempt.state)).toEqual(['aborted', 'completed'])
  expect(again.attempts[0]?.detail).toContain('no event from the agent')
  expect((await field.task(told.id)).state).toBe('running')
  await field.client.call('cancelTask', { params: { id: told.id }, body: {} })
})

test('one slow or broken repository does not delay the others', async () => {
  const field = await make()
  const { root } = field.world
  const slow = await field.world.repo('slow')
  const broken = await field.world.repo('broken')
  // A git that hangs in one repository, as on a dead network disk, from the moment the test says so.
  const real = (await field.world.run('sh', ['-c', 'command -v git'])).stdout.trim()
  const hang = `case "$PWD $*" in *${slow}*) [ ! -e '${root}/hung' ] || exec sleep 300 ;; esac`
  field.world.write(join(root, 'bin', 'git'), `#!/bin/sh\n${hang}\nexec ${real} "$@"\n`, 0o755)
  const env = { PATH: `${join(root, 'bin')}:${field.world.env().PATH}` }
  await field.host('box', { args: ['--add-workspace', slow, '--add-workspace', broken], env })
  field.world.write(join(root, 'hung'), '')
  await field.world.run('rm', ['-rf', join(broken, '.git', 'objects'), join(broken, '.git', 'HEAD')])
  const stuck = await field.add('true', { repo: 'slow' })
  const hopeless = await field.add('true', { repo: 'broken', maxAttempts: 1 })
  await field.when(stuck.id, 'is being prepared', (task) => task.state === 'preparing')
  const task = await field.ended((await field.add('echo x > x', { repo: 'app', expect: 'changes' })).id)
  expect(task.state).toBe('completed')
  expect((await field.task(stuck.id)).state).toBe('preparing')
  expect(await field.ended(hopeless.id)).toMatchObject({ state: 'failed', reason: 'workspace_failed' })
  await field.client.call('cancelTask', { params: { id: stuck.id }, body: {} })
  await field.when(stuck.id, 'is over', (seen) => seen.attempts.every((attempt) => attempt.endedAt !== null))
})

test('a registry that cannot be read keeps the last good one, and a change that was told has an effect', async () => {
  const field = await make()
  const host = await field.host('box')
  const served = async () => (await field.client.call('listDaemons', {})).items[0]?.repos.map((repo) => repo.slug) ?? []
  await field.world.until('app is served', async () => (await served()).includes('app'))
  const registry = join(host.dataDir, 'repos.json')
  const { stdout: good } = await field.world.run('cat', [registry])
  writeFileSync(registry, '{ "repos": [')
  await new Promise((done) => setTimeout(done, 1_200)) // two looks at the file
  expect(await served()).toEqual(['app'])
  writeFileSync(registry, good)
  const more = await field.world.repo('more')
  const added = await field.world.capstan(['repo', 'add', more, '--data', host.dataDir])
  expect(added.code).toBe(0)
  await field.world.until('more is served', async () => (await served()).includes('more'))
})

test('a path outside the allowed repositories, through a symlink or "..", is refused, and a branch name is never an option to git', async () => {
  const field = await make()
  const secret = await field.world.repo('secret')
  symlinkSync(secret, join(field.repo, 'link'))
  await field.host('box')
  const refused = async (fields: Parameters<typeof field.add>[1]) => {
    try {
      return await field.ended((await field.add('true', fields)).id)
    } catch (error) {
      return error
    }
  }
  for (const repo of ['secret', '../secret', 'app/link', secret])
    expect(await refused({ repo })).toMatchObject({ code: expect.stringMatching(/unknown_repo|invalid_request/) })
  for (const base of ['--upload-pack=touch /tmp/owned', '-c', '--help', 'main..secret'])
    expect(await refused({ repo: 'app', workspace: { base }, maxAttempts: 1 })).toMatchObject(
      expect.toSatisfy(
        (each: { code?: string; state?: string }) => each.code === 'invalid_request' || each.state === 'failed',
      ),
    )
})

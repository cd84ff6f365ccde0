// The daemon keeps ready worktrees by itself: a delivered run's becomes the next run's.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { folderNames, stateDirs } from '../../src/daemon/gc/leftovers.ts'
import { listWarm } from '../../src/daemon/workspace/warm-tree.ts'
import { fieldOfEachTest } from './field.ts'

const newField = fieldOfEachTest()

test('in a large repository the worktree of a delivered run is the next run’s, clean and on a branch of its own', async () => {
  const field = await newField()
  const { world, repo } = field
  world.write(join(world.home, '.capstan/daemon.toml'), '[retention]\nwarm = 1\nwarmFiles = 2\n')
  for (const name of ['a', 'b', 'c']) world.write(join(repo, name), `${name}\n`)
  await world.git(repo, 'add', '-A')
  await world.git(repo, 'commit', '-q', '-m', 'Larger')
  const host = await field.host('a')
  const [stateDir = ''] = stateDirs(host.dataDir)
  const first = await field.ended((await field.add('echo one > one.txt; rm a', { repo: 'app' })).id)
  await world.until('a ready worktree', async () => listWarm(stateDir).some(({ record }) => record.state === 'ready'))
  expect(await world.git(repo, 'show', `${first.attempts[0]?.evidence?.branch}:one.txt`)).toBe('one')
  const second = await field.ended(
    (await field.add('ls -A > list.txt; git status --short >> list.txt', { repo: 'app' })).id,
  )
  expect(second.state).toBe('completed')
  const branch = second.attempts[0]?.evidence?.branch
  expect(await world.git(repo, 'show', `${branch}:list.txt`)).toBe('.git\nREADME.md\na\nb\nc\nlist.txt\n?? list.txt')
  expect(folderNames(join(repo, '.git/worktrees'))).toHaveLength(1)
  expect(existsSync(join(host.dataDir, 'worktrees'))).toBe(true)
})

test('a cancelled and an aborted agent’s files are in a checkpoint', async () => {
  const field = await newField()
  const { world, repo } = field
  const host = await field.host('a', { args: ['--checkpoint-interval', '0'] })
  const gate = field.gate()
  const add = (name: string) =>
    field.add(`echo ${name} > ${name}.txt; touch '${join(world.root, `spoke-${name}`)}'; ${gate.wait}`, { repo: 'app' })
  const [cancelled, aborted] = [await add('cancelled'), await add('aborted')]
  for (const name of ['cancelled', 'aborted']) {
    await world.until(`${name} spoke`, async () => existsSync(join(world.root, `spoke-${name}`)))
  }
  await field.client.call('cancelTask', { params: { id: cancelled.id }, body: {} })
  const kept = (id: string, name: string) => () =>
    world.git(repo, 'show', `refs/capstan/checkpoints/${id}/1:${name}.txt`).catch(() => null)
  expect(await world.until('a checkpoint', kept(cancelled.id, 'cancelled'))).toBe('cancelled')
  await host.stop()
  expect(await kept(aborted.id, 'aborted')()).toBe('aborted')
})

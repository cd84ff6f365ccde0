// Bad input from the ground up: damaged journals, full disks, clocks that jump, folders that somebody moved or deleted.

import {
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { Clock } from '../../src/core/clock.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { fieldOfEachTest } from './field.ts'
import { makeRandom } from './random.ts'

const make = fieldOfEachTest()

function stateFolder(dataDir: string): string {
  const [state] = readdirSync(join(dataDir, 'daemon'))
  return join(dataDir, 'daemon', state ?? '')
}

test('a journal lost or damaged beyond reading: the daemon says so and goes on from the run folders, no line lost or doubled', async () => {
  const random = makeRandom()
  const field = await make({ leaseTtlMs: 60_000 })
  let host = await field.host('box')
  for (const damage of ['overwritten', 'cut', 'gone'] as const) {
    const gate = field.gate(damage)
    const work = await field.add(`echo before; ${gate.wait}; echo after > after.txt; echo after`, {
      repo: 'app',
      expect: 'changes',
    })
    await field.when(work.id, 'has spoken', (task) => (task.attempts[0]?.eventCount ?? 0) > 0)
    await host.stop('SIGKILL')
    const journal = join(stateFolder(host.dataDir), 'journal.db')
    const size = statSync(journal).size
    if (damage === 'gone') for (const end of ['', '-wal', '-shm']) rmSync(journal + end, { force: true })
    if (damage === 'cut') truncateSync(journal, random.below(size))
    if (damage === 'overwritten') {
      for (const path of [journal, `${journal}-wal`]) {
        if (!existsSync(path)) continue
        const file = openSync(path, 'r+')
        writeSync(
          file,
          Buffer.alloc(4_096, 0xa5),
          0,
          4_096,
          Math.floor(random.below(statSync(path).size) / 4_096) * 4_096,
        )
      }
      truncateSync(journal, Math.max(100, size - 4_096))
    }
    host = await field.host('box')
    gate.open()
    const task = await field.ended(work.id)
    expect(task).toMatchObject({ state: 'completed' })
    expect(task.attempts).toHaveLength(1)
    expect(task.attempts[0]?.evidence).toMatchObject({ filesChanged: 1 })
    expect(await field.said(work.id)).toEqual(['before', 'after'])
  }
}, 60_000)

test('a result that waits in a journal which is then lost is told again from the run folder', async () => {
  const field = await make({ leaseTtlMs: 60_000 })
  const line = await field.line()
  const host = await field.host('box', { via: line })
  const gate = field.gate()
  const { id } = await field.add(`echo before; ${gate.wait}; echo after`)
  const [attempt] = (await field.running(id)).attempts
  line.cut()
  gate.open()
  const copy = join(stateFolder(host.dataDir), 'runs', attempt?.id ?? '', 'state.json')
  await field.world.until('the report waits', async () => readFileSync(copy, 'utf8').includes('"step":"reported"'))
  await host.stop('SIGKILL')
  for (const end of ['', '-wal', '-shm']) rmSync(join(stateFolder(host.dataDir), `journal.db${end}`), { force: true })
  line.mend()
  await field.host('box', { via: line })
  expect((await field.ended(id)).attempts).toHaveLength(1)
  expect(await field.said(id)).toEqual(['before', 'after'])
  await field.world.until('the copy is dropped', async () => !existsSync(copy))
})

let mounted: string | null = null
afterEach(async () => {
  if (mounted !== null) await run('umount', '-l', mounted)
  mounted = null
})

async function run(file: string, ...args: string[]): Promise<number | null> {
  const { spawn } = await import('node:child_process')
  const child = spawn(file, args, { stdio: 'ignore' })
  return await new Promise((done) => {
    child.once('error', () => done(null))
    child.once('close', done)
  })
}

test('disk full: claiming stops first, the daemon and its journal survive, and what runs ends well once there is room', async ({
  skip,
}) => {
  const field = await make({ leaseTtlMs: 60_000 })
  const data = join(field.world.root, 'small')
  await run('mkdir', '-p', data)
  if ((await run('mount', '-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', data)) !== 0)
    return skip('a small tmpfs cannot be mounted here (not root): disk full is not tested')
  mounted = data
  const host = await field.host('small', { data, args: ['--min-free-disk', '0.002'] })
  const gate = field.gate()
  const { id } = await field.add(`echo before; ${gate.wait}; echo after || true`)
  await field.when(id, 'has spoken', (task) => (task.attempts[0]?.eventCount ?? 0) > 0)
  await run('sh', '-c', `dd if=/dev/zero of=${data}/ballast bs=64k; dd if=/dev/zero of=${data}/ballast2 bs=1k; true`)
  await new Promise((done) => setTimeout(done, 500))
  const next = await field.add('echo next')
  gate.open()
  await new Promise((done) => setTimeout(done, 3_000)) // it tries to write all the while
  expect(host.child.exitCode).toBeNull()
  expect((await field.task(next.id)).attempts.every((attempt) => attempt.state !== 'completed')).toBe(true)
  for (const name of ['ballast', 'ballast2']) rmSync(join(data, name), { force: true })
  const task = await field.ended(id, 40_000)
  expect(task).toMatchObject({ state: 'completed' })
  expect(task.attempts).toHaveLength(1)
  expect((await field.said(id))[0]).toBe('before')
  expect((await field.ended(next.id, 40_000)).state).toBe('completed')
  await host.stop()
}, 90_000)

test('a state folder that cannot be written is one clear sentence and exit 78', async () => {
  const field = await make()
  const blocked = join(field.world.root, 'blocked')
  field.world.write(blocked, 'a file where a folder should be')
  const ran = await field.world.capstan(['daemon', '--data', join(blocked, 'data'), '--workspace', field.repo], {
    cwd: field.repo,
    env: { CAPSTAN_URL: field.server.url, CAPSTAN_TOKEN: field.server.daemonToken },
  })
  expect(ran.code).toBe(78)
  expect(ran.stderr).toMatch(/cannot be written \(ENOTDIR\); choose another with --data/)
})

for (const jump of [6 * 3_600_000, -6 * 3_600_000])
  test(`a clock that jumps six hours ${jump > 0 ? 'ahead' : 'back'} at server and daemon takes no work away, and a dead host is still noticed`, async () => {
    let jumpedMs = 0
    const clock: Clock = { ...systemClock, now: () => Date.now() + jumpedMs }
    const field = await make({ leaseTtlMs: 1_000, reconnectGraceMs: 1_000 }, clock)
    await field.here('steady', { clock })
    const mortal = await field.host('mortal')
    const gate = field.gate()
    const daemonId = (await field.client.call('listDaemons', {})).items.find((each) => each.name === 'steady')?.id ?? ''
    const kept = await field.add(`echo before; ${gate.wait}; echo after`, {
      daemon: daemonId,
      runningTimeoutMs: 60_000,
    })
    const lost = await field.add('sleep 30', { daemon: mortal.daemonId })
    await field.running(kept.id)
    await field.running(lost.id)
    jumpedMs = jump
    await new Promise((done) => setTimeout(done, 1_500)) // sweeps come and go
    expect((await field.task(kept.id)).attempts).toHaveLength(1)
    await mortal.stop('SIGKILL')
    await field.when(lost.id, 'is seen to be lost', (task) => task.reason === 'host_offline')
    gate.open()
    expect((await field.ended(kept.id)).attempts).toHaveLength(1)
    expect(await field.said(kept.id)).toEqual(['before', 'after'])
    await field.client.call('cancelTask', { params: { id: lost.id }, body: {} })
    await field.host('mortal') // to end what it left
    await field.world.until('its agent is gone', async () => {
      const { stdout } = await field.world.run('sh', [
        '-c',
        `grep -ls 'CAPSTAN_TASK_ID=${lost.id}' /proc/[0-9]*/environ | wc -l`,
      ])
      return stdout.trim() === '0'
    })
  }, 60_000)

test('a worktree deleted by hand, an index.lock left behind, a repository moved away during a run: each is said, and the next work goes on', async () => {
  const field = await make()
  await field.host('box')
  const gate = field.gate()
  const script = `pwd > '${join(field.world.root, 'where')}'; ${gate.wait}; cd /; true`
  const deleted = await field.add(script, { repo: 'app', maxAttempts: 1 })
  const where = await field.world.until('the agent is in its worktree', async () => {
    const path = join(field.world.root, 'where')
    return existsSync(path) && readFileSync(path, 'utf8').trim()
  })
  rmSync(where, { recursive: true, force: true })
  gate.open()
  const ended = await field.ended(deleted.id)
  expect(ended).toMatchObject({ state: 'failed', reason: 'workspace_failed' })
  expect(ended.detail).toContain(where)

  field.world.write(join(field.repo, '.git', 'index.lock'), '')
  const locked = await field.ended((await field.add('echo x > x.txt', { repo: 'app', expect: 'changes' })).id)
  expect(locked).toMatchObject({ state: 'completed' })
  rmSync(join(field.repo, '.git', 'index.lock'))

  const second = field.gate('second')
  const moved = await field.add(`echo y > y.txt; ${second.wait}`, { repo: 'app', expect: 'changes', maxAttempts: 6 })
  await field.running(moved.id)
  renameSync(field.repo, `${field.repo}-moved`)
  second.open()
  await field.when(moved.id, 'is told that it failed', (task) => task.attempts[0]?.reason === 'workspace_failed')
  renameSync(`${field.repo}-moved`, field.repo)
  expect(await field.ended(moved.id)).toMatchObject({ state: 'completed' })
})

test('a branch or worktree that already exists does not fail the task, and twenty parallel starts in one repository all succeed', async () => {
  const field = await make()
  await field.world.git(field.repo, 'branch', 'capstan/taken')
  await field.world.git(field.repo, 'worktree', 'add', '-q', '-b', 'stale', join(field.world.root, 'stale'))
  rmSync(join(field.world.root, 'stale'), { recursive: true })
  await field.host('box', { args: ['--max-agents', '20'] })
  const ids = await Promise.all(
    Array.from(
      { length: 20 },
      async (_, i) =>
        (await field.add(`echo ${i} > ${i}.txt`, { repo: 'app', expect: 'changes', title: 'same title' })).id,
    ),
  )
  for (const id of ids)
    expect(await field.ended(id, 40_000)).toMatchObject({ state: 'completed', attempts: [{ n: 1 }] })
}, 60_000)

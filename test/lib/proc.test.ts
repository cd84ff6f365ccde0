// The process table, read from real processes.

import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'
import { carriers, findProcess, isAlive, listProcesses, signalProcess, startOrder } from '../../src/lib/proc.ts'

test('this process is in the table with its parent, user and start', async () => {
  const self = await findProcess(process.pid)
  expect(self).toMatchObject({ pid: process.pid, ppid: process.ppid, uid: process.getuid?.() })
  expect((await listProcesses()).map((each) => each.pid)).toContain(process.pid)
  expect(startOrder(self?.startTime ?? '')).toBeGreaterThan(0)
})

test('a pid with another start time is another process: not alive, not signalled', async () => {
  const self = await findProcess(process.pid)
  expect(await isAlive(process.pid, self?.startTime ?? '')).toBe(true)
  expect(await isAlive(process.pid, '1')).toBe(false)
  expect(await isAlive(process.pid, '')).toBe(false)
  expect(self !== null && (await signalProcess({ ...self, startTime: '1' }, 'SIGKILL'))).toBe(false)
})

test('a process that ended is not alive, and its pid 0 or below never is', async () => {
  const child = spawn('sleep', ['300'], { stdio: 'ignore' })
  const info = await findProcess(child.pid ?? 0)
  const ended = new Promise((resolve) => child.once('exit', resolve))
  expect(info !== null && (await signalProcess(info, 'SIGKILL'))).toBe(true)
  await ended
  expect(await isAlive(info?.pid ?? 0, info?.startTime ?? '')).toBe(false)
  expect(await findProcess(0)).toBeNull()
  expect(await findProcess(-1)).toBeNull()
})

test('carriers of a variable are found by its whole name and value', async () => {
  const environments = [
    { MARK: 'abc', PATH: '/usr/bin:/bin' },
    { PATH: '/usr/bin:/bin', MARK: 'abc' },
    { MARK: 'abcd', PATH: '/usr/bin:/bin' },
    { XMARK: 'abc', PATH: '/usr/bin:/bin' },
    { OTHER: 'MARK=abc', PATH: '/usr/bin:/bin' },
  ]
  const children = environments.map((env) => spawn('sleep', ['300'], { env, stdio: 'ignore' }))
  try {
    await Promise.all(children.map((child) => new Promise((resolve) => child.once('spawn', resolve))))
    const pids = children.map((child) => child.pid)
    const found = await carriers(await listProcesses(), 'MARK', 'abc')
    const ours = found.map((each) => pids.indexOf(each.pid)).filter((each) => each >= 0)
    expect(ours.sort()).toEqual([0, 1])
  } finally {
    for (const child of children) child.kill('SIGKILL')
  }
})

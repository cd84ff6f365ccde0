// Ending the whole tree of a run, with agents that try to leave it.

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { chooseContainment, makeCgroup } from '../../../src/daemon/supervisor/containment/cgroup.ts'
import { look } from '../../../src/daemon/supervisor/run.ts'
import { stopTree } from '../../../src/daemon/supervisor/stop.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { findProcess, isAlive } from '../../../src/lib/proc.ts'
import { exited, RunWorld, text, until } from './run-world.ts'

const clock = systemClock
/** Where the kernel or the user has none, the sweep is all there is; its own tests are above. */
const noCgroup = 'no cgroup v2 can be made here'

/** Prints the pid of each process it starts, one a line, then says `ready` and does as told. */
const escapist = (then: string) => `
  sleep 300 & echo $!
  nohup sleep 300 >/dev/null 2>&1 & echo $!
  setsid sh -c 'echo $$; exec sleep 300' &
  ( setsid sh -c 'trap "" TERM; echo $$; while :; do sleep 1; done' & )
  sleep 0.2; echo ready; ${then}`

async function pidsOf(handle: Parameters<typeof text>[0]): Promise<number[]> {
  await until(() => text(handle, 'stdout.log').includes('ready'), 'the agent to be ready')
  return text(handle, 'stdout.log').trim().split('\n').map(Number).filter(Number.isInteger)
}

const living = async (pids: readonly number[]) =>
  (await Promise.all(pids.map(findProcess))).filter((each) => each !== null)

test('stopping ends a tree with background, nohup, setsid and TERM-proof processes, and the exit file is written', async () => {
  await using world = new RunWorld()
  const handle = await world.sh(escapist('wait'))
  const pids = await pidsOf(handle)
  expect(pids).toHaveLength(4)
  expect(await living(pids)).toHaveLength(4)
  const begun = performance.now()
  expect(await stopTree(handle, { graceMs: 300, clock })).toEqual({ survivors: [] })
  expect(performance.now() - begun).toBeLessThan(300 + 1_000)
  expect(await living(pids)).toEqual([])
  expect(await look(handle.runDir)).toMatchObject({ state: 'exited', cause: 'exited' })
  await until(async () => (await world.alive(handle)).length === 0, 'the supervisor to be gone')
})

test('what an agent leaves behind after a normal end is ended, and its exit code stays', async () => {
  await using world = new RunWorld()
  const handle = await world.sh(escapist('exit 4'))
  const pids = await pidsOf(handle)
  await exited(handle)
  expect(await living(pids)).toHaveLength(4)
  expect(await stopTree(handle, { graceMs: 100, clock })).toEqual({ survivors: [] })
  expect(await living(pids)).toEqual([])
  expect(await look(handle.runDir)).toMatchObject({ state: 'exited', code: 4 })
})

test('an agent that handles TERM has the grace to end by itself', async () => {
  await using world = new RunWorld()
  const handle = await world.sh('trap "echo bye; exit 9" TERM; echo ready; while :; do sleep 0.05; done')
  await pidsOf(handle)
  await stopTree(handle, { graceMs: 10_000, clock })
  expect(await look(handle.runDir)).toMatchObject({ code: 9 })
  expect(text(handle, 'stdout.log')).toContain('bye')
})

test('a stopped process is continued to take its TERM', async () => {
  await using world = new RunWorld()
  const handle = await world.sh('trap "exit 6" TERM; echo ready; kill -STOP $$; sleep 300')
  await until(async () => (await findProcess(handle.agentPid))?.state === 'T', 'the agent to be stopped')
  await stopTree(handle, { graceMs: 10_000, clock })
  expect(await look(handle.runDir)).toMatchObject({ code: 6 })
})

test('a process that only looks alike is not touched: other start time, other group, part of the marker', async () => {
  await using world = new RunWorld()
  const handle = await world.sh('exit 0')
  await exited(handle)
  const env = { PATH: '/usr/bin:/bin', CAPSTAN_RUN_ID: `${handle.marker}x`, OTHER: `CAPSTAN_RUN_ID=${handle.marker}` }
  const stranger = spawn('sleep', ['300'], { env, detached: true, stdio: 'ignore' })
  const pid = stranger.pid ?? 0
  try {
    const info = await findProcess(pid)
    const reused = { ...handle, agentPid: pid, groupId: pid, agentStartTime: '1' }
    expect(await stopTree(reused, { graceMs: 100, clock })).toEqual({ survivors: [] })
    expect(await isAlive(pid, info?.startTime ?? '')).toBe(true)
  } finally {
    stranger.kill('SIGKILL')
  }
})

test('stopping twice, and stopping what has ended, does nothing', async () => {
  await using world = new RunWorld()
  const handle = await world.sh('exit 0')
  await exited(handle)
  for (let i = 0; i < 2; i += 1) expect(await stopTree(handle, { graceMs: 5_000, clock })).toEqual({ survivors: [] })
})

test('a stop that is aborted rejects and can be taken up again', async () => {
  await using world = new RunWorld()
  const handle = await world.sh('trap "" TERM; echo ready; while :; do sleep 0.1; done')
  await pidsOf(handle)
  const stop = stopTree(handle, { graceMs: 60_000, clock, signal: AbortSignal.timeout(50) })
  await expect(stop).rejects.toThrow()
  expect(await stopTree(handle, { graceMs: 0, clock })).toEqual({ survivors: [] })
})

test('with a cgroup, a double fork that cleared its environment is ended too, and the cgroup is taken away', async (context) => {
  const containment = await chooseContainment(clock)
  if (containment.name !== 'cgroup') {
    context.skip(noCgroup)
    return
  }
  await using world = new RunWorld()
  const script = `( setsid env -i /bin/sh -c 'echo $$; exec sleep 300' & ); sleep 0.2; echo ready; exit 0`
  const handle = await world.sh(script, { containment })
  expect(handle.containment).toBe('cgroup')
  const pids = await pidsOf(handle)
  await exited(handle)
  expect(await living(pids)).toHaveLength(1)
  expect(existsSync(handle.cgroup ?? '')).toBe(true)
  expect(await stopTree(handle, { graceMs: 100, clock })).toEqual({ survivors: [] })
  expect(await living(pids)).toEqual([])
  expect(existsSync(handle.cgroup ?? '')).toBe(false)
})

test('with a cgroup, the deadline ends a process that cleared its environment, without a daemon', async (context) => {
  const containment = await chooseContainment(clock)
  if (containment.name !== 'cgroup') {
    context.skip(noCgroup)
    return
  }
  await using world = new RunWorld()
  const script = `( setsid env -i /bin/sh -c 'echo $$; trap "" TERM; while :; do sleep 1; done' & ); sleep 0.2; echo ready; sleep 300`
  const handle = await world.sh(script, { containment, deadlineAt: Date.now() + 1_000 })
  const pids = await pidsOf(handle)
  expect(await exited(handle)).toMatchObject({ cause: 'deadline' })
  expect(await living(pids)).toEqual([])
})

test('a run whose supervisor never wrote its pid is ended by the marker', async () => {
  await using world = new RunWorld()
  const handle = await world.sh('sleep 300')
  const { runDir, marker, containment, cgroup } = handle
  expect(await stopTree({ runDir, marker, containment, cgroup, pid: null }, { graceMs: 1_000, clock })).toEqual({
    survivors: [],
  })
  expect((await exited(handle)).signal).toBe('SIGTERM')
  expect(existsSync(join(runDir, 'exit'))).toBe(true)
})

test('sixty runs whose agents or supervisors are killed at random leave no process, fifo or cgroup', async () => {
  const containment = await chooseContainment(clock)
  await using world = new RunWorld()
  let seed = 11
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed % below
  }
  const one = async (i: number) => {
    const stdin = i % 2 === 0 ? ({ kind: 'pipe', text: 'x\n' } as const) : ({ kind: 'null' } as const)
    const way = i % 3 === 0 ? ({ name: 'sweep' } as const) : containment
    const script = 'setsid sleep 300 & nohup sleep 300 >/dev/null 2>&1 & cat >/dev/null; sleep 300'
    const handle = await world.sh(script, { stdin, containment: way, deadlineAt: Date.now() + 600_000 })
    await clock.sleep(random(30)) // a kill at any moment: not waited for anything
    const victim = [handle.pid, handle.agentPid, 0][random(3)] ?? 0
    if (victim > 0) process.kill(victim, 'SIGKILL')
    expect(await stopTree(handle, { graceMs: 200, clock })).toEqual({ survivors: [] })
    await until(async () => (await world.alive(handle)).length === 0, 'everything to be gone')
    expect(existsSync(handle.cgroup ?? '/nowhere')).toBe(false)
  }
  for (let i = 0; i < 60; i += 6) await Promise.all([0, 1, 2, 3, 4, 5].map((each) => one(i + each)))
})

test('cgroups that a daemon left behind go when the next one starts, an hour later and only empty ones', async (context) => {
  const containment = await chooseContainment(clock)
  if (containment.name !== 'cgroup') {
    context.skip(noCgroup)
    return
  }
  const marker = `test-left-${process.pid}`
  const place = makeCgroup(containment.root, marker)
  mkdirSync(join(place, 'inner'))
  await chooseContainment(clock)
  expect(existsSync(place)).toBe(true)
  await chooseContainment({ ...clock, now: () => clock.now() + 7_200_000 })
  expect(existsSync(place)).toBe(false)
})

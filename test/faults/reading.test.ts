// Mistaking what happened: crashes, lying exit codes, looks that fail.

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { confirmLost, startRun } from '../../src/daemon/supervisor/run.ts'
import { stopTree } from '../../src/daemon/supervisor/stop.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { findProcess } from '../../src/lib/proc.ts'
import { processesOf } from '../journeys/world.ts'
import { fieldOfEachTest } from './field.ts'

const make = fieldOfEachTest()

/** The run folder of the only run on a host. */
function runFolder(dataDir: string): string {
  const [state] = readdirSync(join(dataDir, 'daemon'))
  const runs = join(dataDir, 'daemon', state ?? '', 'runs')
  const [run] = readdirSync(runs)
  return join(runs, run ?? '')
}

function fieldOf(runDir: string, name: string): string {
  const line = readFileSync(join(runDir, 'pid'), 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${name}=`))
  return line?.slice(name.length + 1).split(' ')[0] ?? ''
}

test('a crash is not a success: an agent killed from outside is a failure with the signal’s name', async () => {
  const field = await make()
  const host = await field.host('box')
  const { id } = await field.add('echo up; sleep 60')
  await field.when(id, 'speaks', (task) => (task.attempts[0]?.eventCount ?? 0) > 0)
  process.kill(Number(fieldOf(runFolder(host.dataDir), 'agent')), 'SIGKILL')
  const task = await field.ended(id)
  expect(task).toMatchObject({ state: 'failed', reason: 'agent_failed' })
  expect(task.attempts[0]).toMatchObject({ state: 'failed', signal: 'SIGKILL' })
})

test('a supervisor killed alone: its agent is ended and proven gone, the attempt is given back, and the next one does the work', async () => {
  const field = await make()
  const host = await field.host('box')
  const gate = field.gate()
  const { id } = await field.add(`echo "$CAPSTAN_ATTEMPT"; ${gate.wait}`)
  await field.when(id, 'speaks', (task) => (task.attempts[0]?.eventCount ?? 0) > 0)
  const runDir = runFolder(host.dataDir)
  const agent = Number(fieldOf(runDir, 'agent'))
  process.kill(Number(fieldOf(runDir, 'supervisor')), 'SIGKILL')
  await field.when(id, 'is tried again', (task) => task.attempts.length === 2)
  expect(await findProcess(agent)).toBeNull()
  gate.open()
  const task = await field.ended(id)
  expect(task.attempts.map((attempt) => attempt.state)).toEqual(['aborted', 'completed'])
  expect(task.attempts[0]?.detail).toContain('gone without an exit record')
})

test('a run file removed by hand does not leave a process behind, nor is it taken for a success', async () => {
  const field = await make()
  const host = await field.host('box')
  const gate = field.gate()
  const { id } = await field.add(`echo up; ${gate.wait}`)
  await field.when(id, 'speaks', (task) => (task.attempts[0]?.eventCount ?? 0) > 0)
  const runDir = runFolder(host.dataDir)
  const agent = Number(fieldOf(runDir, 'agent'))
  for (const name of ['pid', 'run']) rmSync(join(runDir, name))
  await field.when(id, 'is tried again', (task) => task.attempts.length === 2)
  expect(await findProcess(agent)).toBeNull()
  gate.open()
  expect((await field.ended(id)).state).toBe('completed')
})

test('a failed look is not "gone": one missed look at a run never ends it', async () => {
  const field = await make()
  const runDir = join(field.world.root, 'run')
  const handle = await startRun({
    runDir,
    stateDir: field.world.root,
    argv: ['/bin/sh', '-c', 'sleep 30'],
    env: { PATH: process.env.PATH },
    cwd: field.world.root,
    stdin: { kind: 'null' },
    marker: 'att_one_missed_look',
    deadlineAt: null,
    orphanAfterMs: null,
    containment: { name: 'sweep' },
    clock: systemClock,
  })
  // Between the two looks the file is back, as with a network disk that stalls.
  const text = readFileSync(join(runDir, 'pid'), 'utf8')
  rmSync(join(runDir, 'pid'))
  const seen = confirmLost(runDir, { ...systemClock, sleep: async () => field.world.write(join(runDir, 'pid'), text) })
  expect((await seen).state).toBe('running')
  expect(await findProcess(handle.agentPid)).not.toBeNull()
  await stopTree(handle, { graceMs: 0, clock: systemClock })
})

test('a pid reused by another process is not taken for the run, and is never ended', async () => {
  const field = await make()
  const host = await field.host('box', { args: ['--no-stop-agents'] })
  const { id } = await field.add('echo up; sleep 60')
  await field.when(id, 'speaks', (task) => (task.attempts[0]?.eventCount ?? 0) > 0)
  await host.stop('SIGTERM')
  const runDir = runFolder(host.dataDir)
  for (const name of ['supervisor', 'agent']) process.kill(Number(fieldOf(runDir, name)), 'SIGKILL')
  const stranger = await field.world.start<Record<string, never>>([
    'server',
    '--listen',
    '127.0.0.1:0',
    '--data',
    join(field.world.root, 'stranger'),
  ])
  const pid = String(stranger.child.pid)
  // The same numbers, other processes: only the start times differ, as after a wrap of the pid counter.
  const text = readFileSync(join(runDir, 'pid'), 'utf8').replace(/^(supervisor|agent|group)=\d+/gm, `$1=${pid}`)
  field.world.write(join(runDir, 'pid'), text)
  await field.host('box')
  const task = await field.when(id, 'is given back', (seen) => seen.attempts[0]?.endedAt != null)
  expect(task.attempts[0]).toMatchObject({ state: 'aborted' })
  expect(stranger.child.exitCode).toBeNull()
  expect(stranger.child.signalCode).toBeNull()
  await field.client.call('cancelTask', { params: { id }, body: {} })
})

test('"done" with zero commits, with an untouched tree or with failing checks is shown as what it is', async () => {
  const field = await make()
  await field.host('box')
  const claims = await field.add('echo I have done it all', { repo: 'app', expect: 'changes' })
  const breaks = await field.add('echo new > new.txt', {
    repo: 'app',
    expect: 'changes',
    checks: [{ name: 'tests', command: 'echo two tests failed; exit 3' }],
  })
  expect(await field.ended(claims.id)).toMatchObject({ state: 'failed', reason: 'no_changes' })
  const broken = await field.ended(breaks.id)
  expect(broken).toMatchObject({ state: 'failed', reason: 'checks_failed' })
  expect(broken.attempts[0]?.evidence).toMatchObject({ filesChanged: 1, checks: [{ name: 'tests', exitCode: 3 }] })
  const plain = await field.add('echo x > x.txt', { repo: 'app' })
  expect((await field.ended(plain.id)).attempts[0]?.evidence).toMatchObject({
    commitsAhead: 0,
    filesChanged: 1,
    pushedRef: null,
  })
})

test('a timeout or cancel ends the whole tree: tools that called setsid, double forks, servers', async () => {
  const field = await make()
  const host = await field.host('box')
  const tree = "setsid sh -c 'sleep 300 & sleep 301' & (setsid nohup sleep 302 >/dev/null 2>&1 &) ; echo up; sleep 303"
  const cancelled = await field.add(tree)
  const late = await field.add(tree, { runningTimeoutMs: 1_500 })
  await field.when(cancelled.id, 'speaks', (task) => (task.attempts[0]?.eventCount ?? 0) > 0)
  await field.client.call('cancelTask', { params: { id: cancelled.id }, body: {} })
  const over = await field.ended(late.id)
  expect(over).toMatchObject({ state: 'failed', reason: 'timed_out' })
  await field.when(cancelled.id, 'is over', (task) => task.attempts.every((attempt) => attempt.endedAt !== null))
  const left = processesOf(field.world.root).filter((line) => !line.startsWith(`${host.pid} `))
  expect(left).toEqual([])
  expect(existsSync(host.dataDir)).toBe(true)
})

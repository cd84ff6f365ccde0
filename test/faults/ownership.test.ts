// Who owns the work when lines break, hosts freeze and sleep: one owner at a time, and nothing done is thrown away.

import { expect, test } from 'vitest'
import type { Clock } from '../../src/core/clock.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { fieldOfEachTest } from './field.ts'

const make = fieldOfEachTest()

test('a partition costs no attempt: the same attempt goes on and delivers when the line is back', async () => {
  const field = await make({ leaseTtlMs: 800 })
  const line = await field.line()
  await field.host('far', { via: line })
  const gate = field.gate()
  const { id } = await field.add(`echo before; ${gate.wait}; echo after`)
  await field.running(id)
  line.cut()
  const parked = await field.when(id, 'is parked', (task) => task.reason === 'host_offline')
  expect(parked.state).toBe('parked')
  expect(parked.why).toContain('far is not heard')
  gate.open()
  line.mend()
  const task = await field.ended(id)
  expect(task.state).toBe('completed')
  expect(task.attempts).toHaveLength(1)
  expect(await field.said(id)).toEqual(['before', 'after'])
})

test('work done during a long server outage is not thrown away', async () => {
  const field = await make({ leaseTtlMs: 300, reconnectGraceMs: 300 })
  await field.host('near')
  const gate = field.gate()
  const { id } = await field.add(`echo before; ${gate.wait}; echo after`)
  await field.running(id)
  await field.stopServer()
  gate.open()
  await new Promise((done) => setTimeout(done, 1_500)) // an outage of more than lease and grace: the span is the test
  await field.startServer()
  const task = await field.ended(id)
  expect(task.state).toBe('completed')
  expect(task.attempts).toHaveLength(1)
  expect(await field.said(id)).toEqual(['before', 'after'])
})

test('a daemon whose epoch was superseded cannot report success, and what it made is salvaged and shown', async () => {
  const field = await make({ leaseTtlMs: 600, reconnectGraceMs: 200 })
  const line = await field.line()
  await field.host('first', { via: line })
  const gate = field.gate()
  const { id } = await field.add(`echo "by $CAPSTAN_ATTEMPT"; ${gate.wait}; echo end`)
  await field.running(id)
  line.cut()
  await field.when(id, 'is queued again', (task) => task.state === 'queued')
  await field.host('second')
  await field.when(id, 'runs on the second', (task) => task.attempts.length === 2 && task.state === 'running')
  line.mend()
  const told = await field.when(id, 'has salvage', (task) => (task.attempts[0]?.salvage.length ?? 0) > 0)
  expect(told.attempts[0]).toMatchObject({ state: 'lease_expired', ownership: null })
  expect(told.state).toBe('running')
  gate.open()
  const task = await field.ended(id)
  expect(task.attempts.map((attempt) => attempt.state)).toEqual(['lease_expired', 'completed'])
  expect(task.attempts[1]?.daemonName).toBe('second')
})

test('failover: fast skips the grace when another connected daemon fits, and waits it out when none does', async () => {
  const field = await make({ leaseTtlMs: 600, reconnectGraceMs: 600_000 })
  const line = await field.line()
  await field.host('first', { via: line })
  const gate = field.gate()
  const patient = await field.add(gate.wait)
  const fast = await field.add(gate.wait, { failover: 'fast' })
  await field.running(patient.id)
  await field.running(fast.id)
  line.cut()
  for (const { id } of [patient, fast]) await field.when(id, 'is parked', (task) => task.state === 'parked')
  await field.host('second')
  await field.when(fast.id, 'runs on the second', (task) => task.attempts[1]?.daemonName === 'second')
  expect((await field.task(patient.id)).reason).toBe('host_offline')
  const { items } = await field.client.call('getTaskLog', { params: { id: fast.id } })
  expect(items.some((line) => line.cause === 'failover')).toBe(true)
  line.mend()
  gate.open()
  expect((await field.ended(patient.id)).attempts).toHaveLength(1)
  expect((await field.ended(fast.id)).attempts.map((attempt) => attempt.state)).toEqual(['lease_expired', 'completed'])
})

test('a half-open socket is noticed by silence, and the same daemon is not refused over it', async () => {
  const field = await make({ leaseTtlMs: 20_000, pingMs: 600_000 })
  const line = await field.line()
  await field.host('far', { via: line })
  const gate = field.gate()
  const { id } = await field.add(`echo before; ${gate.wait}; echo after`)
  await field.running(id)
  line.freeze() // nothing is closed, and nothing arrives
  gate.open()
  const task = await field.ended(id)
  expect(task.attempts).toHaveLength(1)
  expect(await field.said(id)).toEqual(['before', 'after'])
})

test('a daemon restarted after kill -9 is not refused, although the server still hears its old socket', async () => {
  const field = await make({ pingMs: 600_000, bootGuardMs: 600_000, leaseTtlMs: 20_000 })
  const line = await field.line()
  const first = await field.host('box', { via: line })
  const gate = field.gate()
  const { id } = await field.add(`echo before; ${gate.wait}; echo after`)
  await field.running(id)
  line.freeze() // so that the kernel's goodbye does not reach the server
  await first.stop('SIGKILL')
  const second = await field.host('box', { via: line })
  expect(second.daemonId).toBe(first.daemonId)
  gate.open()
  const task = await field.ended(id)
  expect(task.attempts).toHaveLength(1)
  expect(await field.said(id)).toEqual(['before', 'after'])
})

test('two daemons with one identity: the second is refused with the first one’s name and pid, and exits 5', async () => {
  const field = await make()
  const first = await field.host('box')
  const again = await field.world.capstan(
    ['daemon', '--data', first.dataDir, '--name', 'box', '--workspace', field.repo],
    {
      cwd: field.repo,
      env: { CAPSTAN_URL: field.server.url, CAPSTAN_TOKEN: field.server.daemonToken },
    },
  )
  expect(again.code).toBe(5)
  expect(again.stderr).toContain(`pid ${first.pid}`)
  // A copy of its folder, as on a cloned machine: only the server can tell.
  await field.world.run('cp', ['-a', first.dataDir, `${first.dataDir}-copy`])
  await field.world.run('sh', ['-c', `sed -i 's/"host":"/"host":"other-/' ${first.dataDir}-copy/daemon/*/boot.json`])
  await expect(field.host('box', { data: `${first.dataDir}-copy` })).rejects.toThrow(
    new RegExp(`exited 5 .*box \\(pid ${first.pid}\\)`, 's'),
  )
})

test('a laptop sleeps for an hour mid-run: no double run, no lost output, no time taken from the agent', async () => {
  let asleepMs = 0
  const clock: Clock = { ...systemClock, now: () => Date.now() + asleepMs }
  const field = await make({ leaseTtlMs: 1_000, reconnectGraceMs: 1_000 }, clock)
  const line = await field.line()
  await field.here('laptop', { via: line, clock })
  await field.here('other')
  const gate = field.gate()
  const laptop = (await field.client.call('listDaemons', {})).items.find((each) => each.name === 'laptop')
  const { id } = await field.add(`echo before; ${gate.wait}; echo after`, {
    daemon: laptop?.id ?? '',
    runningTimeoutMs: 30_000,
  })
  await field.running(id)
  const connections = line.connections
  asleepMs = 3_600_000 // server and daemon are one machine: both clocks jump, timers do not
  await field.world.until('the laptop registers anew', async () => line.connections >= connections && connections > 0)
  await new Promise((done) => setTimeout(done, 1_500)) // time enough for a sweep to take it away
  expect((await field.task(id)).attempts).toHaveLength(1)
  gate.open()
  const task = await field.ended(id)
  expect(task.state).toBe('completed')
  expect(task.attempts).toHaveLength(1)
  expect(await field.said(id)).toEqual(['before', 'after'])
})

test('a paused daemon (SIGSTOP) does not double its task: its late result is salvage, or nobody else had it', async () => {
  const field = await make({ leaseTtlMs: 600, reconnectGraceMs: 300 })
  const first = await field.host('frozen')
  const { id } = await field.add('echo once; sleep 0.5; echo twice')
  await field.running(id)
  process.kill(first.pid, 'SIGSTOP')
  await field.when(id, 'is queued again', (task) => task.state === 'queued')
  process.kill(first.pid, 'SIGCONT')
  const task = await field.ended(id)
  expect(task.state).toBe('completed')
  expect(task.attempts.filter((attempt) => attempt.state === 'completed')).toHaveLength(1)
  expect(await field.said(id, task.attempts.at(-1)?.n)).toEqual(['once', 'twice'])
})

test('progress renews the lease: a long attempt that talks is not failed for its age', async () => {
  const field = await make({ leaseTtlMs: 700, reconnectGraceMs: 100, dispatchTimeoutMs: 2_000 })
  await field.host('steady')
  const { id } = await field.add('for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.5; done')
  const task = await field.ended(id)
  expect(task.state).toBe('completed')
  const { items } = await field.client.call('getTaskLog', { params: { id } })
  expect(items.map((line) => line.type)).not.toContain('lease_lapsed')
})

// Results and transcripts across lost lines and killed daemons: delivered once, in order, whole.

import { expect, test } from 'vitest'
import { fieldOfEachTest } from './field.ts'
import { makeRandom } from './random.ts'

const make = fieldOfEachTest()

test('a result produced while the link is down is delivered after reconnect, also after the daemon was killed in between', async () => {
  const field = await make({ leaseTtlMs: 60_000 })
  const line = await field.line()
  const first = await field.host('far', { via: line })
  const gate = field.gate()
  const { id } = await field.add(`echo before; ${gate.wait}; echo after; touch '${field.world.root}/done'`)
  await field.running(id)
  line.cut()
  gate.open()
  await field.world.until(
    'the agent is done',
    async () => (await field.world.run('test', ['-e', `${field.world.root}/done`])).code === 0,
  )
  await first.stop('SIGKILL')
  expect((await field.task(id)).state).toBe('running')
  line.mend()
  await field.host('far', { via: line })
  const task = await field.ended(id)
  expect(task.state).toBe('completed')
  expect(task.attempts).toHaveLength(1)
  expect(await field.said(id)).toEqual(['before', 'after'])
})

test('the daemon dies between result and acknowledgement: the task ends once, correctly', async () => {
  const field = await make({ leaseTtlMs: 60_000, pingMs: 600_000 })
  const line = await field.line()
  const first = await field.host('far', { via: line })
  const gate = field.gate()
  const { id } = await field.add(`echo before; ${gate.wait}`)
  await field.when(id, 'has spoken', (task) => task.attempts[0]?.eventCount === 1)
  line.deafen() // what the daemon says arrives, what it is answered does not
  gate.open()
  await field.ended(id)
  await first.stop('SIGKILL')
  line.mend()
  const again = await field.host('far', { via: line })
  const { items } = await field.client.call('getTaskLog', { params: { id } })
  expect(items.filter((entry) => entry.type === 'attempt_ended')).toHaveLength(1)
  expect(await field.said(id)).toEqual(['before'])
  // It has nothing more to say of it.
  await field.world.until('the daemon is idle', async () => {
    const daemon = (await field.client.call('listDaemons', {})).items.find((each) => each.id === again.daemonId)
    return daemon?.running === 0
  })
})

test('a daemon killed at random moments, between claim and start, start and result, result and acknowledgement: each task ends once', async () => {
  const random = makeRandom()
  const field = await make({ leaseTtlMs: 60_000 })
  const ids: string[] = []
  for (let i = 0; i < 12; i += 1) ids.push((await field.add(`echo ${i} a; sleep 0.${random.below(6)}; echo ${i} b`)).id)
  for (let kill = 0; kill < 4; kill += 1) {
    const host = await field.host('mortal')
    await new Promise((done) => setTimeout(done, random.below(900))) // the moment is the fault
    await host.stop('SIGKILL')
  }
  await field.host('mortal')
  for (const [i, id] of ids.entries()) {
    const task = await field.ended(id)
    expect(task).toMatchObject({ state: 'completed' })
    expect(task.attempts.filter((attempt) => attempt.state === 'completed')).toHaveLength(1)
    expect(await field.said(id, task.attempts.at(-1)?.n)).toEqual([`${i} a`, `${i} b`])
  }
})

test('events are neither dropped nor reordered nor doubled across reconnects: the reader sees seq 1…n with no hole', async () => {
  const random = makeRandom()
  const field = await make({ leaseTtlMs: 60_000 })
  const line = await field.line()
  await field.host('far', { via: line })
  const { id } = await field.add(
    'i=0; while [ $i -lt 600 ]; do i=$((i+1)); echo line $i; [ $((i % 30)) -ne 0 ] || sleep 0.1; done',
  )
  await field.running(id)
  for (let cut = 0; cut < 5; cut += 1) {
    await new Promise((done) => setTimeout(done, 50 + random.below(300))) // the moment is the fault
    if (random.below(2) === 0) line.cut()
    else line.deafen()
    await new Promise((done) => setTimeout(done, random.below(200)))
    line.cut()
    line.mend()
  }
  await field.ended(id)
  expect(await field.said(id)).toEqual(Array.from({ length: 600 }, (_, i) => `line ${i + 1}`))
})

test('after a restart of server and daemon together nothing in flight is parked for ever', async () => {
  const field = await make({ leaseTtlMs: 500, reconnectGraceMs: 500 })
  const host = await field.host('box')
  const gate = field.gate()
  const ids = await Promise.all([1, 2, 3, 4, 5, 6].map(async (i) => (await field.add(`${gate.wait}; echo ${i}`)).id))
  await field.running(ids[0] ?? '')
  await Promise.all([field.stopServer(), host.stop('SIGKILL')])
  await field.startServer()
  await field.host('box')
  gate.open()
  for (const id of ids) expect((await field.ended(id)).state).toBe('completed')
})

test('a slot that frees pulls the next task at once', async () => {
  const field = await make()
  await field.host('one', { args: ['--max-agents', '1'] })
  const ids: string[] = []
  for (let i = 0; i < 5; i += 1) ids.push((await field.add('true')).id)
  const tasks = []
  for (const id of ids) tasks.push(await field.ended(id))
  for (const [i, task] of tasks.entries()) {
    const before = tasks[i - 1]?.attempts[0]?.endedAt
    const started = task.attempts[0]?.startedAt ?? Number.POSITIVE_INFINITY
    if (before != null) expect(started - before).toBeLessThan(5_000)
  }
})

test('a cancel that races a result has one winner, the same in row, log and daemon', async () => {
  const random = makeRandom()
  const field = await make()
  const host = await field.host('box')
  for (let round = 0; round < 6; round += 1) {
    const { id } = await field.add('echo done')
    await field.running(id)
    await new Promise((done) => setTimeout(done, random.below(120))) // the moment is the fault
    const cancelled = await field.client.call('cancelTask', { params: { id }, body: {} }).then(
      () => true,
      () => false,
    )
    const task = await field.ended(id)
    expect(task.state).toBe(cancelled ? 'cancelled' : 'completed')
    await field.when(id, 'has no open attempt', (seen) => seen.attempts.every((attempt) => attempt.endedAt !== null))
    const { items } = await field.client.call('getTaskLog', { params: { id } })
    expect(items.filter((entry) => entry.type === 'completed' || entry.type === 'cancelled')).toHaveLength(1)
  }
  await field.world.until('the daemon runs nothing', async () => {
    const daemon = (await field.client.call('listDaemons', {})).items.find((each) => each.id === host.daemonId)
    return daemon?.running === 0
  })
})

test('an error from the server is not an empty queue: batch goes on asking, and then does the work', async () => {
  const field = await make()
  const line = await field.line()
  const args = [
    'daemon',
    'batch',
    '--data',
    `${field.world.root}/batch`,
    '--workspace',
    field.repo,
    '--wait-for-first-task',
    '4s',
  ]
  const env = { CAPSTAN_URL: line.url, CAPSTAN_TOKEN: field.server.daemonToken }
  const batch = await field.world.start(args, { cwd: field.repo, env })
  const ended = new Promise<number | null>((done) => batch.child.once('close', done))
  line.cut()
  const { id } = await field.add('echo worked')
  await new Promise((done) => setTimeout(done, 1_000)) // its claims fail for so long
  expect(batch.child.exitCode).toBeNull()
  line.mend()
  expect((await field.ended(id)).state).toBe('completed')
  expect(await ended).toBe(0)
})

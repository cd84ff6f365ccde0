// B12: how soon a cancelled run is gone, a dead daemon is noticed, and a hundred agents are taken over by a new daemon.

import { systemClock } from '../src/lib/clock.ts'
import { carriers, listProcesses } from '../src/lib/proc.ts'
import type { TaskView } from '../src/protocol/task.ts'
import type { Bench } from './bench.ts'
import type { Figure, Line } from './figure.ts'
import { compare } from './figure.ts'
import { Host } from './host.ts'
import { millis, quantile, until } from './measure.ts'

/** What the daemon gives an agent between TERM and KILL, ms. */
const graceMs = 10_000

export const ends: Figure = { id: 'B12', title: 'Ends: cancelled trees, dead daemons, re-adoption', run }

async function run(bench: Bench): Promise<Line[]> {
  return [...(await cancels(bench)), await noticed(bench), await adopted(bench)]
}

async function cancels(bench: Bench): Promise<Line[]> {
  await using host = await Host.start(bench, 20)
  const obeys = await gone(host, bench.count(30), 'sleep 600 & sleep 600 & wait')
  const ignores = await gone(
    host,
    Math.min(6, bench.count(600)),
    "trap '' TERM; sh -c \"trap '' TERM; while :; do sleep 1; done\" & while :; do sleep 1; done",
  )
  const p99 = (found: readonly number[]) => quantile(found, 0.99)
  return [
    compare('cancel → the tree is gone, p99, an agent that obeys TERM', 'ms', [p99(obeys), 'limit', 200], {
      atMost: 1,
    }),
    compare(
      'cancel → the tree is gone, p99, an agent that ignores TERM',
      'ms',
      [p99(ignores), 'grace + 200 ms', graceMs + 200],
      { atMost: 1 },
    ),
  ]
}

/** Up to six at a time: from the call until no marked process lives, ms. */
async function gone(host: Host, count: number, script: string): Promise<number[]> {
  const found: number[] = []
  while (found.length < count) {
    const group = Math.min(6, count - found.length)
    const made = await Promise.all(Array.from({ length: group }, () => host.shell(script)))
    await host.running(group)
    await systemClock.sleep(300) // their children have been started
    if (group === 6) found.push(...(await Promise.all(made.map((task) => cancelled(host, task)))))
    else for (const task of made) found.push(await cancelled(host, task))
  }
  return found
}

async function cancelled(host: Host, { id }: TaskView): Promise<number> {
  const attemptId = (await host.task(id)).attempts[0]?.id ?? ''
  return await millis(async () => {
    await host.client.call('cancelTask', { params: { id }, body: {} })
    const none = async () => (await carriers(await listProcesses(), 'CAPSTAN_RUN_ID', attemptId)).length === 0
    await until(`${id} to be gone`, none, 30_000)
  })
}

/** Stopped, not killed: its socket stays open and says nothing, as after a power loss. */
async function noticed(bench: Bench): Promise<Line> {
  await using host = await Host.start(bench, 1)
  const { daemonId } = host.daemon.line
  host.daemon.child.kill('SIGSTOP')
  try {
    const look = async () => !(await host.client.call('getDaemon', { params: { id: daemonId } })).connected
    const ms = await millis(() => until('the daemon to be missed', look, 60_000))
    return compare('a daemon that fell silent is noticed', 's', [ms / 1_000, 'limit', 45], { atMost: 1 })
  } finally {
    host.daemon.child.kill('SIGCONT')
  }
}

async function adopted(bench: Bench): Promise<Line> {
  const count = Math.min(100, bench.count(1_000))
  await using host = await Host.start(bench, count)
  for (let n = 0; n < count; n += 1) await host.shell('exec sleep 600')
  await host.running(count)
  const ms = await millis(() => host.replaceDaemon())
  const kept = (await host.running(count)).filter((task) => task.attempts.length === 1).length
  const line = compare(`daemon killed → ${count} agents re-adopted by the next`, 'ms', [ms, 'limit', 1_000], {
    atMost: 1,
  })
  return { ...line, note: `${kept} of ${count} went on with the same attempt; includes the start of the process` }
}

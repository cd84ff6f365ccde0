// npm run test:soak [-- --minutes 20] [--seed N] [--report FILE]: random tasks, random faults, then an audit of the promises.

import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { makeRandom } from '../faults/random.ts'
import type { Audited } from './audit.ts'
import { auditRemains, auditWork } from './audit.ts'
import { inflict, otherHosts } from './faults.ts'
import type { HostName } from './machine.ts'
import { Machine } from './machine.ts'
import type { Given } from './work.ts'
import { giveTask } from './work.ts'

/** Tasks that may be open at once: more than the hosts have places, so that there is always a queue. */
const openAtOnce = 16
/** How long the work that is left may take once the faults have ended, ms. */
const settleMs = 180_000
/** A host that has just come back has not yet said what waits in its outbox. */
const calmLooks = 3

const { values } = parseArgs({
  options: { minutes: { type: 'string' }, seed: { type: 'string' }, report: { type: 'string' } },
})
const minutes = Number(values.minutes ?? 20)
if (!(minutes > 0)) throw new Error(`--minutes must be a number above 0, not "${values.minutes}"`)
const random = makeRandom(values.seed === undefined ? undefined : Number(values.seed))

const machine = new Machine()
await machine.begin()
const end = Date.now() + minutes * 60_000
const given: Given[] = []
const deleted = new Set<string>()
const killed = new Set<string>()
const counts = new Map<string, number>()
const wrong: string[] = []
/** Hosts that a fault is at. */
const busy = new Set<HostName>()

let audited: Audited
let codes: (number | null)[] = []
try {
  await Promise.all([giveWork(), torment(), torment()])
  await settle()
  audited = await auditWork(machine, given, { deleted, killed })
} finally {
  codes = await machine.end() // also when the soak itself failed: nothing is left running
}
await auditRemains(machine, audited)
if (codes.some((code) => code !== 0)) audited.leaked.push(`daemons exited ${codes.join(', ')}`)
const report = reportOf(audited)
console.log(report)
writeFileSync(values.report ?? 'soak-report.md', report)
const failed = [...audited.lost, ...audited.doubled, ...audited.leaked, ...audited.destroyed, ...wrong]
for (const each of failed) console.error(each)
await machine.world.end(failed.length > 0)
process.exit(failed.length === 0 ? 0 : 1)

async function giveWork(): Promise<void> {
  while (Date.now() < end) {
    if ((await openTasks()) >= openAtOnce) await pause(300)
    else given.push(await giveTask(machine, random, given.length))
  }
}

async function openTasks(): Promise<number> {
  try {
    const query = { state: ['queued', 'preparing', 'running', 'parked'] as const, limit: 100 }
    return (await machine.client.call('listTasks', { query: { ...query, state: [...query.state] } })).items.length
  } catch {
    return openAtOnce // the server is down
  }
}

/** Two of these run beside each other, never at the same host. */
async function torment(): Promise<void> {
  while (Date.now() < end) {
    await pause(500 + random.below(3_000))
    const free = otherHosts(busy)
    const host = free[random.below(free.length)]
    if (host === undefined) continue
    busy.add(host)
    try {
      const name = await inflict({ machine, random, given, deleted, killed }, host)
      counts.set(name, (counts.get(name) ?? 0) + 1)
    } catch (error) {
      wrong.push(`a fault at ${host} could not be undone: ${String(error)}`)
    }
    busy.delete(host)
  }
}

/** Everything is whole again: what is left must come to its end, and every host must be back and have said all it had to say. */
async function settle(): Promise<void> {
  let calm = 0
  for (const until = Date.now() + settleMs; Date.now() < until && calm < calmLooks; await pause(1_000)) {
    const daemons = await machine.client.call('listDaemons', {}).catch(() => null)
    const idle = daemons?.items.every((daemon) => daemon.connected && daemon.running === 0) === true
    calm = idle && (await openTasks()) === 0 ? calm + 1 : 0
  }
}

function reportOf({ tasks, lost, doubled, leaked, destroyed }: Audited): string {
  const attempts = tasks.flatMap((task) => task.attempts)
  const by = (states: readonly string[]) =>
    [...Map.groupBy(states, (state) => state)].map(([state, all]) => `${all.length} ${state}`).join(', ')
  return [
    `Soak of ${minutes} minutes, seed ${random.seed}.`,
    '',
    `Tasks: ${tasks.length} (${by(tasks.map((task) => task.state))}).`,
    `Given to fail: ${given.filter((each) => each.kind === 'fail').length}; failed: ${by(tasks.flatMap((task) => (task.state === 'failed' ? [task.reason ?? ''] : [])))}.`,
    `Attempts: ${attempts.length} (${by(attempts.map((attempt) => attempt.state))}).`,
    `Salvaged: ${attempts.filter((attempt) => attempt.salvage.length > 0).length} attempts of superseded owners.`,
    '',
    '| fault | times |',
    '| --- | ---: |',
    ...[...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, n]) => `| ${name} | ${n} |`),
    '',
    `Lost ${lost.length}, doubled ${doubled.length}, leaked ${leaked.length}, destroyed ${destroyed.length}.`,
    '',
  ].join('\n')
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms))
}

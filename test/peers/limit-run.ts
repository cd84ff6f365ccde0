// A plain 429 on every request through the whole product, under each `--on-rate-limit`.

import type { ModelServer } from '../fakes/model-server/server.ts'
import type { Outcome } from './capstan-run.ts'
import { inWorld } from './capstan-run.ts'
import type { FinalTask, Place, Up, World } from './capstan-world.ts'
import { addTask, capstan, showTask } from './capstan-world.ts'
import type { Peer } from './peers.ts'
import type { Row } from './table.ts'

/** A CLI that tries again for ever is ended after 8 tries or 90 s; then there is its start and its end, ms. */
const parkedMs = 150_000
/** By now it has been told that it tries again, ms. */
const retryingMs = 60_000

/** Throws, naming the folder, when a step cannot be done at all. */
export async function limitRows(peer: Peer, server: ModelServer, root: string): Promise<readonly Row[]> {
  const at = { peer, server, root, mode: 'rate-limit' } as const
  const rows: Row[] = []
  for (const does of ['park', 'failover'] as const) {
    rows.push(await inWorld(`429 on every request, ${does}`, { ...at, name: does }, (...step) => parks(does, ...step)))
  }
  // Of one that gives up by itself there is nothing to wait for.
  if (peer.patienceMs === undefined) return rows
  return [...rows, await inWorld('429 on every request, wait', { ...at, name: 'wait' }, waits)]
}

/** With nowhere else to go `failover` parks as well; the attempt says that it was the limit. */
async function parks(does: 'park' | 'failover', { peer }: Place, _world: World, [up]: Up[]): Promise<Outcome> {
  if (up === undefined) throw new Error('capstan up is not running')
  const startedAt = performance.now()
  const { id } = await addTask(peer, up, ['--on-rate-limit', does])
  const task = await seen(id, up, ({ state }) => ['parked', 'failed', 'completed'].includes(state), parkedMs)
  await capstan(up, ['task', 'cancel', id, '--json'])
  const attempt = task.attempts.at(-1)
  const outcome = `${task.state} after ${((performance.now() - startedAt) / 1_000).toFixed(0)} s: ${attempt?.detail.slice(0, 90)}`
  return { outcome, problem: task.state === 'parked' ? null : 'expected parked' }
}

async function waits({ peer }: Place, _world: World, [up]: Up[]): Promise<Outcome> {
  if (up === undefined) throw new Error('capstan up is not running')
  const { id } = await addTask(peer, up, ['--on-rate-limit', 'wait'])
  let told = false
  const end = performance.now() + retryingMs
  while (!told && performance.now() < end) {
    const log = await capstan(up, ['task', 'logs', id, '--json']).catch(() => null) // nothing is said yet
    told = /retrying for/.test(log?.stdout ?? '')
  }
  const task = await showTask(id, up)
  await capstan(up, ['task', 'cancel', id, '--json'])
  const outcome = `${task.state}, ${told ? 'its retries are told' : 'nothing told'}`
  return {
    outcome,
    problem: told && task.state === 'running' ? null : 'expected it to run on, and its retries to be told',
  }
}

async function seen(id: string, up: Up, is: (task: FinalTask) => boolean, ms: number): Promise<FinalTask> {
  const end = performance.now() + ms
  let task = await showTask(id, up)
  while (!is(task) && performance.now() < end) task = await showTask(id, up)
  return task
}

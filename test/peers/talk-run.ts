// Conversations through the whole product: an agent that asks while its daemon is killed, one that is stopped in the tool it was allowed.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { endlessCommand, finalText, goFile } from '../fakes/model-server/script.ts'
import type { ModelServer } from '../fakes/model-server/server.ts'
import type { Outcome } from './capstan-run.ts'
import { goneMs, inWorld, processesOf, startMs, written } from './capstan-run.ts'
import type { Place, Up, World } from './capstan-world.ts'
import { addTask, capstan, isAlive, startUp, until, waitTask } from './capstan-world.ts'
import type { Peer } from './peers.ts'
import type { Row } from './table.ts'

/** For peers that ask. Throws, naming the folder, when a step cannot be done at all. */
export async function talkRows(peer: Peer, server: ModelServer, root: string): Promise<readonly Row[]> {
  if (!peer.harness.autonomies.includes('ask')) return []
  const at = { peer, server, root }
  const rows = [
    await inWorld(
      'asked, daemon killed meanwhile, then answered',
      { ...at, mode: 'tool-wait', name: 'asked' },
      answered,
    ),
  ]
  // What converses under every autonomy is stopped in its tool by the other suite, and codex-acp would not ask for this one.
  if (peer.conversation === true) return rows
  const hangs = { ...at, mode: 'tool-hang', name: 'asked' } as const
  return [...rows, await inWorld('asked, allowed, stopped while the tool runs', hangs, stopped)]
}

interface Request {
  readonly id: string
  readonly title: string
}

/** The task's first request. */
async function requestOf(id: string, up: Up): Promise<Request> {
  const end = performance.now() + startMs
  while (performance.now() < end) {
    const listed: Request[] = JSON.parse((await capstan(up, ['task', 'requests', id, '--json'])).stdout)
    if (listed[0] !== undefined) return listed[0]
  }
  throw new Error(`nothing was asked in ${startMs} ms`)
}

async function answered({ peer }: Place, world: World, ups: Up[]): Promise<Outcome> {
  const [first] = ups
  if (first === undefined) throw new Error('capstan up is not running')
  const { id } = await addTask(peer, first, ['--autonomy', 'ask'])
  const request = await requestOf(id, first)
  process.kill(first.pid, 'SIGKILL')
  await until(() => !isAlive(first.pid), goneMs)
  const second = await startUp(world, 2)
  ups.push(second)
  writeFileSync(join(world.home, goFile), '')
  await capstan(second, ['task', 'answer', request.id, '--allow', '--json'])
  const outcome = await written(peer, await waitTask(id, second), second)
  const log = (await capstan(second, ['task', 'logs', id, '--json'])).stdout
  const asked = log.split('"type":"request"').length - 1
  if (outcome.problem === null && asked !== 1) return { ...outcome, problem: `it was asked ${asked} times` }
  const times = log.split(finalText).length - 1
  return outcome.problem !== null || times === 1
    ? outcome
    : { ...outcome, problem: `the last words came ${times} times` }
}

async function stopped({ peer }: Place, _world: World, [up]: Up[]): Promise<Outcome> {
  if (up === undefined) throw new Error('capstan up is not running')
  const { id } = await addTask(peer, up, ['--autonomy', 'ask'])
  const request = await requestOf(id, up)
  await capstan(up, ['task', 'answer', request.id, '--allow', '--json'])
  const last = endlessCommand.split(' ').at(-1) ?? endlessCommand
  if (!(await until(() => processesOf(id).some(({ command }) => command.includes(last)), startMs))) {
    return { outcome: 'no tool', problem: 'the tool did not start' }
  }
  await capstan(up, ['task', 'cancel', id, '--json'])
  const task = await waitTask(id, up)
  const isGone = await until(() => processesOf(id).length === 0, goneMs)
  const left = processesOf(id).map(({ command }) => command)
  const outcome = `${task.state}, ${isGone ? 'no process' : `${left.length} processes`} left`
  return { outcome, problem: isGone && task.state === 'cancelled' ? null : `left: ${left.join(', ').slice(0, 300)}` }
}

// Tasks through the whole product: one that works, one that is stopped while its tool runs, one whose daemon is killed meanwhile.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { endlessCommand, finalText, goFile, writtenFile, writtenText } from '../fakes/model-server/script.ts'
import type { ModelServer } from '../fakes/model-server/server.ts'
import type { FinalTask, Place, Up, World } from './capstan-world.ts'
import { addTask, capstan, isAlive, makeWorld, showTask, startUp, stop, until, waitTask } from './capstan-world.ts'
import type { Peer } from './peers.ts'
import type { Row } from './table.ts'

export type Outcome = Pick<Row, 'outcome' | 'problem'>

/** From the task to its agent's tool; the slowest CLI takes some 10 s to start, ms. */
export const startMs = 60_000
/** From a stop to the end of the last process, ms. */
export const goneMs = 20_000

/** Throws, naming the folder, when a step cannot be done at all. */
export async function capstanRows(peer: Peer, server: ModelServer, root: string): Promise<readonly Row[]> {
  const at = { peer, server, root }
  return [
    await inWorld('through capstan up', { ...at, mode: 'write' }, works),
    await inWorld('stopped while a tool runs', { ...at, mode: 'tool-hang' }, stopped),
    await inWorld('a spent quota through capstan up', { ...at, mode: 'quota' }, parked),
    await inWorld('daemon killed while a tool runs, started again', { ...at, mode: 'tool-wait' }, adopted),
  ]
}

export type Step = (place: Place, world: World, ups: Up[]) => Promise<Outcome>

/** `ups`: what the step started; the newest one is stopped at the end. */
export async function inWorld(what: string, place: Place, step: Step): Promise<Row> {
  const startedAt = performance.now()
  const world = await makeWorld(place)
  const ups = [await startUp(world)]
  try {
    return { what, ...(await step(place, world, ups)), wallMs: performance.now() - startedAt }
  } finally {
    for (const up of ups) await stop(up.pid)
  }
}

async function works({ peer }: Place, _world: World, [up]: Up[]): Promise<Outcome> {
  if (up === undefined) throw new Error('capstan up is not running')
  const { id } = await addTask(peer, up)
  return written(peer, await waitTask(id, up), up)
}

/** The task is completed in one attempt, its diff holds the file, and its usage came; an ACP agent may tell of none. */
export async function written(peer: Peer, task: FinalTask, up: Up): Promise<Outcome> {
  const attempt = task.attempts.at(-1)
  const usage = attempt?.usage ?? null
  const outcome = `${task.state}, attempt ${task.attempts.length}, ${usage?.outputTokens ?? 'no'} output tokens`
  if (task.state !== 'completed') return { outcome, problem: `${task.reason}: ${attempt?.detail}` }
  if (task.attempts.length !== 1) return { outcome, problem: 'more than one attempt' }
  const diff = (await capstan(up, ['task', 'diff', task.id])).stdout
  const hasFile = diff.includes(`+++ b/${writtenFile}`) && diff.includes(`+${writtenText.trimEnd()}`)
  if (!hasFile) return { outcome, problem: `the diff lacks ${writtenFile}: ${diff.slice(0, 300)}` }
  const isCounted = peer.conversation === true || (usage !== null && usage.outputTokens > 0)
  return { outcome, problem: isCounted ? null : 'no usage came back' }
}

async function stopped({ peer }: Place, _world: World, [up]: Up[]): Promise<Outcome> {
  if (up === undefined) throw new Error('capstan up is not running')
  const { id } = await addTask(peer, up)
  const last = endlessCommand.split(' ').at(-1) ?? endlessCommand
  const runs = await until(() => processesOf(id).some((process) => process.command.includes(last)), startMs)
  if (!runs) return { outcome: 'no tool', problem: 'the tool did not start' }
  await capstan(up, ['task', 'cancel', id, '--json'])
  const task = await waitTask(id, up)
  const isGone = await until(() => processesOf(id).length === 0, goneMs)
  const left = processesOf(id).map((process) => process.command)
  const outcome = `${task.state}, ${isGone ? 'no process' : `${left.length} processes`} left`
  const isRight = isGone && task.state === 'cancelled'
  return { outcome, problem: isRight ? null : `left: ${left.join(', ').slice(0, 300)}` }
}

/** The CLI gives up by itself, or is ended while it tries again; the task then waits for the quota instead of failing. */
async function parked({ peer }: Place, _world: World, [up]: Up[]): Promise<Outcome> {
  if (up === undefined) throw new Error('capstan up is not running')
  const { id } = await addTask(peer, up)
  const startedAt = performance.now()
  let task = await showTask(id, up)
  while (!['parked', 'failed', 'completed'].includes(task.state) && performance.now() - startedAt < startMs) {
    task = await showTask(id, up)
  }
  await capstan(up, ['task', 'cancel', id, '--json'])
  const outcome = `${task.state} after ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`
  return { outcome, problem: task.state === 'parked' ? null : `expected parked: ${task.attempts.at(-1)?.detail}` }
}

async function adopted({ peer }: Place, world: World, ups: Up[]): Promise<Outcome> {
  const [first] = ups
  if (first === undefined) throw new Error('capstan up is not running')
  const { id } = await addTask(peer, first)
  const runs = await until(() => processesOf(id).some((process) => process.command.includes(goFile)), startMs)
  if (!runs) return { outcome: 'no tool', problem: 'the tool did not start' }
  process.kill(first.pid, 'SIGKILL')
  await until(() => !isAlive(first.pid), goneMs)
  const second = await startUp(world, 2)
  ups.push(second)
  writeFileSync(join(world.home, goFile), '')
  const outcome = await written(peer, await waitTask(id, second), second)
  const log = (await capstan(second, ['task', 'logs', id, '--json'])).stdout
  const times = log.split(finalText).length - 1
  return outcome.problem !== null || times === 1
    ? outcome
    : { ...outcome, problem: `the last words came ${times} times` }
}

/** Every process that was started for the task, by the mark in its environment. */
export function processesOf(taskId: string): readonly { readonly pid: number; readonly command: string }[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.flatMap((pid) => {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`CAPSTAN_TASK_ID=${taskId}\0`)) return []
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      return command === '' ? [] : [{ pid: Number(pid), command }] // a zombie has no command line
    } catch {
      return [] // ended meanwhile, or not ours to read
    }
  })
}

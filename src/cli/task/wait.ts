// capstan task wait: until tasks end, or the time is over. Also how `task add --wait` waits.

import type { Client } from '../../client/client.ts'
import { Problem } from '../../core/problem.ts'
import { terminalStates } from '../../core/task.ts'
import type { TaskView } from '../../protocol/task.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { exitCodes } from '../exit.ts'
import { outcomeLines } from '../render/outcome.ts'
import { taskTable } from '../render/task-list.ts'
import { oneLine } from '../render/visible.ts'
import type { Given } from '../spec.ts'
import { exitCodeOfTask } from './follow.ts'
import type { waitOptions } from './options.ts'

const firstLookMs = 100
const longestLookMs = 2_000
/** A server that restarts is waited for; one that stays away for longer is told. */
const patienceMs = 60_000

export async function waitForTasks(given: Given<typeof waitOptions>, context: Context): Promise<number> {
  const client = await connect(context)
  const timeoutMs = given.options.timeout ?? null
  context.terminal.progress(`waiting for ${given.args.join(', ')}`)
  const tasks = await Promise.all(given.args.map((id) => waitForOne(client, id, context, timeoutMs)))
  sayTasks(tasks, context)
  return worst(tasks.map(exitCodeOfTask))
}

/** After this a task that nobody took is asked why, ms. */
const askWhyAfterMs = 1_500

/** The task when it has ended, or as it is when `timeoutMs` is over (null: no limit). */
export async function waitForOne(
  client: Client,
  id: string,
  context: Context,
  timeoutMs: number | null = null,
): Promise<TaskView> {
  const began = context.clock.monotonic()
  let heard: number | null = null
  let told = false
  for (let waitMs = firstLookMs; ; waitMs = Math.min(longestLookMs, waitMs * 1.3)) {
    const task = await look(client, id, context, heard)
    if (task !== null) heard = context.clock.monotonic()
    if (!told && task !== null && context.clock.monotonic() - began >= askWhyAfterMs) {
      told = true
      sayWhy(task, context)
    }
    const left = timeoutMs === null ? Number.POSITIVE_INFINITY : began + timeoutMs - context.clock.monotonic()
    if (task !== null && (hasEnded(task) || left <= 0)) return task
    if (left <= 0)
      throw new Problem('not_connected', `${client.url} cannot be reached, so the state of ${id} is not known`)
    await context.clock.sleep(Math.min(waitMs, left), context.signal)
  }
}

/** Nobody may fit the task: said once, on standard error, instead of silence for ever. */
function sayWhy(task: TaskView, { terminal }: Context): void {
  if (task.state === 'queued' && task.why !== null) terminal.note(`${task.id} is queued: ${oneLine(task.why)}`)
}

export function hasEnded(task: TaskView): boolean {
  return (terminalStates as readonly string[]).includes(task.state) // widened to look a state up in it
}

/** Null while a server that answered before is away for a moment. */
async function look(client: Client, id: string, context: Context, heard: number | null): Promise<TaskView | null> {
  try {
    return await client.call('getTask', { params: { id }, signal: context.signal })
  } catch (error) {
    const away = error instanceof Problem && error.status >= 500
    if (!away || heard === null || context.clock.monotonic() - heard > patienceMs) throw error
    return null
  }
}

function sayTasks(tasks: readonly TaskView[], { json, terminal, clock }: Context): void {
  const [first] = tasks
  if (first === undefined) return
  if (json) terminal.json(tasks.length === 1 ? first : tasks)
  else if (tasks.length === 1 && hasEnded(first)) terminal.out(...outcomeLines(first, terminal))
  else terminal.out(...taskTable(tasks, { style: terminal.style, width: terminal.width, now: clock.now() }))
}

/** Not ended weighs more than failed, failed more than cancelled. */
function worst(codes: readonly number[]): number {
  const order = [exitCodes.timedOut, exitCodes.taskFailed, exitCodes.taskCancelled]
  return order.find((code) => codes.includes(code)) ?? exitCodes.ok
}

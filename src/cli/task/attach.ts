// capstan task attach: this terminal becomes the agent's. Leaving it leaves the agent at work.

import type { Client } from '../../client/client.ts'
import { Problem } from '../../core/problem.ts'
import type { TaskView } from '../../protocol/task.ts'
import { connect, readConnection } from '../connection.ts'
import type { Context } from '../context.ts'
import { standingOf } from '../render/standing.ts'
import type { Given, none } from '../spec.ts'
import type { Keyboard } from './keyboard.ts'
import { openKeyboard } from './keyboard.ts'
import type { Left } from './terminal-socket.ts'
import { joinTerminal } from './terminal-socket.ts'
import { hasEnded } from './wait.ts'

const lookMs = 500
/** A server that restarts, or a host that comes back, is waited for so long. */
const patienceMs = 60_000

export async function attachTask({ args }: Given<typeof none>, context: Context): Promise<number> {
  const id = args[0] ?? ''
  if (!process.stdin.isTTY || !context.terminal.isTerminal)
    throw new Problem('usage', 'attach needs a terminal; a program speaks to GET /v1/tasks/ID/terminal itself')
  const client = await connect(context)
  await untilAtWork(client, id, context)
  const left = await join(id, context)
  const { terminal } = context
  if (left.how === 'detached') {
    terminal.note(
      '',
      `left; the task goes on. Join again: capstan task attach ${id}   End it: capstan task finish ${id}`,
    )
    return 0
  }
  terminal.note('', `the terminal is over: ${left.reason}`, `see what it made: capstan task show ${id}`)
  return 0
}

export async function finishTask({ args }: Given<typeof none>, context: Context): Promise<number> {
  const client = await connect(context)
  const task = await client.call('finishTask', { params: { id: args[0] ?? '' }, body: {}, signal: context.signal })
  if (context.json) context.terminal.json(task)
  else
    context.terminal.out(
      `${task.id}  its agent is told to leave`,
      `${context.terminal.style.dim('next:')} capstan task wait ${task.id}`,
    )
  return 0
}

/** Throws `invalid_state` for a task that has no terminal and will have none. */
async function untilAtWork(client: Client, id: string, context: Context): Promise<void> {
  for (let told = false; ; told = true) {
    const task: TaskView = await client.call('getTask', { params: { id }, signal: context.signal })
    if (task.interactive !== true)
      throw new Problem('invalid_state', `${id} has no terminal: give it with capstan task add --interactive`)
    if (hasEnded(task)) throw new Problem('invalid_state', `${id} is over: ${standingOf(task).word}`)
    if (task.state === 'running') return
    if (!told) context.terminal.progress(`waiting for ${id} to be at work${task.why === null ? '' : ` (${task.why})`}`)
    await context.clock.sleep(lookMs, context.signal)
  }
}

/** Comes back after a break; the terminal of this person is as it was afterwards, whatever happens. */
async function join(id: string, context: Context): Promise<Left> {
  const { url, token } = readConnection(context)
  using keyboard: Keyboard = openKeyboard(context.terminal)
  keyboard.say(`joined ${id}; Ctrl-] leaves it at work`)
  for (let brokeAt: number | null = null; ; ) {
    const { clock, env, signal } = context
    const began = clock.monotonic()
    const left = await tryJoin({ url, token, env, id, keyboard, signal }, brokeAt !== null)
    if (left !== null && left.how !== 'broken') return left
    const now = clock.monotonic()
    if (left !== null && now - began > patienceMs) brokeAt = null // it held for a while
    brokeAt ??= now
    if (now - brokeAt > patienceMs) return { how: 'ended', reason: left?.reason ?? 'the server does not answer' }
    if (left !== null) keyboard.say(`${left.reason}; joining again`)
    await clock.sleep(lookMs, AbortSignal.any([signal, keyboard.left])).catch(() => {}) // leaving
    if (keyboard.left.aborted || signal.aborted) return { how: 'detached', reason: '' }
  }
}

/** Null: it could not be joined now, and may be later. */
async function tryJoin(input: Parameters<typeof joinTerminal>[0], again: boolean): Promise<Left | null> {
  try {
    return await joinTerminal(input)
  } catch (error) {
    if (!(error instanceof Problem) || !again) throw error
    if (error.code === 'invalid_state') return { how: 'ended', reason: error.detail }
    if (error.status < 500) throw error
    return null
  }
}

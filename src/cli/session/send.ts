// capstan task send, edit, hold, release: messages to an agent.

import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { standingOf } from '../render/standing.ts'
import type { Given, none } from '../spec.ts'
import type { releaseOptions, sendOptions } from './options.ts'

type Plain = Given<typeof none>

export async function sendMessage({ args, options }: Given<typeof sendOptions>, context: Context): Promise<number> {
  const client = await connect(context)
  const [id = '', text = ''] = args
  const { now = false, hold = false } = options
  const sent = await client.call('sendMessage', { params: { id }, body: { text, now, hold }, signal: context.signal })
  const { terminal } = context
  if (context.json) terminal.json(sent)
  else if (sent.delivered === 'now') terminal.out(`${sent.task.id}  told to the agent at work`)
  else {
    terminal.out(`${sent.task.id}  ${standingOf(sent.task).word}`)
    const next = hold ? `release ${sent.task.id}` : `logs ${sent.task.id} -f`
    terminal.out(`${terminal.style.dim('next:')} capstan task ${next}`)
  }
  return 0
}

export async function editMessage({ args }: Plain, context: Context): Promise<number> {
  const client = await connect(context)
  const [id = '', text = ''] = args
  const task = await client.call('editMessage', { params: { id }, body: { text }, signal: context.signal })
  if (context.json) context.terminal.json(task)
  else context.terminal.out(`${task.id}  changed`)
  return 0
}

export function holdTask(given: Plain, context: Context): Promise<number> {
  return setHold(given.args[0], context, true)
}

export async function releaseTask(given: Given<typeof releaseOptions>, context: Context): Promise<number> {
  const { args, options } = given
  if (options.now !== true) return setHold(args[0], context, false)
  const client = await connect(context)
  const said = await client.call('sayMessage', { params: { id: args[0] ?? '' }, body: {}, signal: context.signal })
  if (context.json) context.terminal.json(said)
  else context.terminal.out(`${said.task.id}  told to the agent at work`)
  return 0
}

async function setHold(id: string | undefined, context: Context, on: boolean): Promise<number> {
  const client = await connect(context)
  const task = await client.call('holdTask', { params: { id: id ?? '' }, body: { on }, signal: context.signal })
  if (context.json) context.terminal.json(task)
  else context.terminal.out(`${task.id}  ${on ? 'held' : standingOf(task).word}`)
  return 0
}

// capstan task cancel, retry, accept, reject: one word to the server, and where the task stands then.

import type { TaskView } from '../../protocol/task.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { standingOf } from '../render/standing.ts'
import type { Given, none } from '../spec.ts'
import type { messageOptions } from './options.ts'

type Saying = Given<typeof messageOptions>

export function cancelTask(given: Saying, context: Context): Promise<number> {
  return saying('cancelTask', given, context)
}

export function acceptTask(given: Saying, context: Context): Promise<number> {
  return saying('acceptTask', given, context)
}

export function rejectTask(given: Saying, context: Context): Promise<number> {
  return saying('rejectTask', given, context)
}

export async function retryTask(given: Given<typeof none>, context: Context): Promise<number> {
  const client = await connect(context)
  const params = { id: given.args[0] ?? '' }
  return say(await client.call('retryTask', { params, body: {}, signal: context.signal }), context)
}

async function saying(
  name: 'cancelTask' | 'acceptTask' | 'rejectTask',
  { args, options }: Saying,
  context: Context,
): Promise<number> {
  const client = await connect(context)
  const body = options.message === undefined ? {} : { message: options.message }
  return say(await client.call(name, { params: { id: args[0] ?? '' }, body, signal: context.signal }), context)
}

function say(task: TaskView, { json, terminal }: Context): number {
  if (json) terminal.json(task)
  else terminal.out(`${task.id}  ${standingOf(task).word}`)
  return 0
}

// capstan task continue: a new task on the work and the conversation of an earlier one.

import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import type { Given } from '../spec.ts'
import { followOrSay, promptOf } from '../task/add.ts'
import type { continueOptions } from './options.ts'

export async function continueTask(given: Given<typeof continueOptions>, context: Context): Promise<number> {
  const { args, options } = given
  const prompt = await promptOf([args[1], undefined, options.promptFile], context)
  const client = await connect(context)
  const body = {
    prompt,
    continueFrom: {
      task: args[0] ?? '',
      mode: options.fork === true ? ('fork' as const) : ('extend' as const),
      ...(options.handoff === true ? { handoff: true } : {}),
    },
    ...(options.hold === true ? { hold: true } : {}),
    ...(options.daemon === undefined ? {} : { daemon: options.daemon }),
  }
  const created = await client.call('createTask', { body, signal: context.signal })
  return followOrSay(client, created, { follow: options.follow, wait: options.wait, context })
}

// capstan task answer: allow, deny, choose, or say it in words.

import { Problem } from '../../core/problem.ts'
import type { RequestView } from '../../protocol/request-operations.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { oneLine } from '../render/visible.ts'
import type { Given } from '../spec.ts'
import type { answerOptions } from './options.ts'

type Answering = Given<typeof answerOptions>

export async function answerRequest(given: Answering, context: Context): Promise<number> {
  const { terminal, signal } = context
  const { allow, deny, option, text } = given.options
  const chosen = [allow === true, deny === true, option !== undefined].filter(Boolean).length
  if (chosen > 1) throw new Problem('usage', 'choose one of --allow, --deny and --option')
  if (chosen === 0 && text === undefined)
    throw new Problem('usage', 'an answer is missing: --allow, --deny, --option ID or --text TEXT')
  const client = await connect(context)
  const params = { id: given.args[0] ?? '' }
  const optionId =
    option ?? (chosen === 0 ? undefined : await optionOf(given, () => client.call('getRequest', { params, signal })))
  const body = { ...(optionId === undefined ? {} : { optionId }), ...(text === undefined ? {} : { text }) }
  const answered = await client.call('answerRequest', { params, body, signal })
  if (given.json) terminal.json(answered)
  else terminal.out(`${answered.id}  answered: ${wordsOf(answered)}`)
  return 0
}

/** What --allow or --deny mean for this request. Throws `usage` when it offers nothing like it. */
async function optionOf({ options }: Answering, read: () => Promise<RequestView>): Promise<string> {
  const wanted = options.allow === true ? 'allow' : 'deny'
  const request = await read()
  const found = request.options.find(({ grants }) => grants === wanted)
  if (found !== undefined) return found.id
  const offered = request.options.map(({ id, label }) => `${oneLine(id)} (${oneLine(label)})`).join(', ')
  const instead = offered === '' ? 'answer it with --text' : `choose with --option: ${offered}`
  throw new Problem('usage', `${request.id} has no option that means --${wanted}; ${instead}`)
}

function wordsOf({ options, answer }: RequestView): string {
  const label = options.find(({ id }) => id === answer?.optionId)?.label
  return [label, answer?.text].flatMap((each) => (each == null ? [] : [oneLine(each)])).join(': ')
}

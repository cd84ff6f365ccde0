// capstan task diff: the patch byte by byte; in colour on a terminal only.

import type { Client } from '../../client/client.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { patchLines } from '../render/patch.ts'
import type { Given } from '../spec.ts'
import type { attemptOptions } from './options.ts'

export async function showDiff(given: Given<typeof attemptOptions>, context: Context): Promise<number> {
  const { terminal } = context
  const id = given.args[0] ?? ''
  const patch = await fetchPatch(await connect(context), id, given, context)
  const text = () => Buffer.from(patch).toString('utf8')
  if (given.json) terminal.json({ taskId: id, patch: text() })
  else if (patch.length === 0) terminal.note(`${id} changed nothing`)
  else if (terminal.isTerminal) terminal.out(...patchLines(text().replace(/\n$/, ''), terminal.style))
  else terminal.raw(patch)
  return 0
}

/** As stored: a patch may hold bytes that are not UTF-8. */
export function fetchPatch(
  client: Client,
  id: string,
  { options }: Given<typeof attemptOptions>,
  { signal }: Context,
): Promise<Uint8Array> {
  const query = options.attempt === undefined ? {} : { attempt: options.attempt }
  return client.bytes('getTaskDiff', { params: { id }, query, signal })
}

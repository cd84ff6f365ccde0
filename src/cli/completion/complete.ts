// capstan completion SHELL prints the script; that script asks `capstan completion words`.

import { Problem } from '../../core/problem.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { exitCodes } from '../exit.ts'
import type { Entry, Given, none } from '../spec.ts'
import { candidates } from './candidates.ts'
import { scripts, shells } from './scripts.ts'

/** A person at the TAB key waits no longer for a server, ms. */
const patienceMs = 1_000
const tasksOffered = 50

export async function complete(
  entries: readonly Entry[],
  { args }: Given<typeof none>,
  context: Context,
): Promise<number> {
  const [name = '', ...words] = args
  if (name === 'words') {
    const found = await candidates(words.length === 0 ? [''] : words, entries)
    const all = found.kind === 'words' ? found.words : await taskIds(context)
    context.terminal.out(...all.filter((each) => each.startsWith(words.at(-1) ?? '')))
    return exitCodes.ok
  }
  const shell = shells.find((each) => each === name)
  if (shell === undefined) throw new Problem('usage', `there is no completion for "${name}"; use ${shells.join(', ')}`)
  context.terminal.out(scripts[shell])
  return exitCodes.ok
}

/** The newest tasks; none when no server answers in time. */
async function taskIds(context: Context): Promise<readonly string[]> {
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(patienceMs)])
  try {
    const client = await connect(context)
    return (await client.call('listTasks', { query: { limit: tasksOffered }, signal })).items.map((task) => task.id)
  } catch {
    return [] // a TAB is no place for an error
  }
}

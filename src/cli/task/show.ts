// capstan task show

import type { Client } from '../../client/client.ts'
import type { LogLine } from '../../protocol/task.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { logLines, taskPage } from '../render/task-page.ts'
import type { Given } from '../spec.ts'
import type { showOptions } from './options.ts'

/** With --json the task; with --log as well, `{task, log}`. */
export async function showTask(given: Given<typeof showOptions>, context: Context): Promise<number> {
  const { terminal, signal } = context
  const client = await connect(context)
  const params = { id: given.args[0] ?? '' }
  const task = await client.call('getTask', { params, signal })
  const log = given.options.log === true ? await wholeLog(client, params.id, signal) : null
  if (given.json) terminal.json(log === null ? task : { task, log })
  else {
    terminal.out(...taskPage(task, { style: terminal.style, width: terminal.width, now: context.clock.now() }))
    if (log !== null) terminal.out('', terminal.style.dim('log'), ...logLines(log, terminal))
  }
  return 0
}

async function wholeLog(client: Client, id: string, signal: AbortSignal): Promise<readonly LogLine[]> {
  const lines: LogLine[] = []
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const query = cursor === undefined ? {} : { cursor }
    const page = await client.call('getTaskLog', { params: { id }, query, signal })
    lines.push(...page.items)
    cursor = page.nextCursor
  }
  return lines
}

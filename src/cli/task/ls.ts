// capstan task ls

import { Problem } from '../../core/problem.ts'
import { taskStates } from '../../core/task.ts'
import { nearest } from '../../lib/suggest.ts'
import type { QueryIn } from '../../protocol/operations.ts'
import type { TaskView } from '../../protocol/task.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { taskTable } from '../render/task-list.ts'
import type { Given } from '../spec.ts'
import type { listOptions } from './options.ts'

const pageSize = 200

export async function listTasks(given: Given<typeof listOptions>, context: Context): Promise<number> {
  const { terminal } = context
  const limit = given.options.limit ?? (given.json ? pageSize : 20)
  const { tasks, more } = await readTasks(queryOf(given), limit, context)
  if (given.json) terminal.json(tasks)
  else if (tasks.length === 0) terminal.out('no tasks; give one with: capstan task add "what to do"')
  else {
    terminal.out(...taskTable(tasks, { style: terminal.style, width: terminal.width, now: context.clock.now() }))
    if (more) terminal.note(`there are more; see them with: capstan task ls --limit ${limit * 5}`)
  }
  return 0
}

type Query = NonNullable<QueryIn<'listTasks'>>

async function readTasks(query: Query, limit: number, context: Context): Promise<{ tasks: TaskView[]; more: boolean }> {
  const client = await connect(context)
  const tasks: TaskView[] = []
  let cursor: string | undefined
  while (tasks.length < limit) {
    const size = Math.min(pageSize, limit - tasks.length)
    const page = await client.call('listTasks', {
      query: { ...query, limit: size, ...(cursor === undefined ? {} : { cursor }) },
      signal: context.signal,
    })
    tasks.push(...page.items)
    if (page.nextCursor === null) return { tasks, more: false }
    cursor = page.nextCursor
  }
  return { tasks, more: true }
}

function queryOf({ options }: Given<typeof listOptions>): Query {
  const { state, repo, harness, daemon, label, correlationId } = options
  const words = state === undefined ? {} : { state: state.map(checkState) }
  const rest = Object.entries({ repo, harness, daemon, label, correlationId }).filter(
    ([, value]) => value !== undefined,
  )
  return { ...words, ...Object.fromEntries(rest) }
}

function checkState(word: string): (typeof taskStates)[number] {
  const state = taskStates.find((each) => each === word)
  if (state !== undefined) return state
  const near = nearest(word, taskStates)
  const meant = near === null ? '' : ` (Did you mean ${near}?)`
  throw new Problem('usage', `--state must be one of ${taskStates.join(', ')}, not "${word}"${meant}`)
}

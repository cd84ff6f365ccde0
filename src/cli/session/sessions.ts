// capstan session ls, show, close

import type { Client } from '../../client/client.ts'
import { Problem } from '../../core/problem.ts'
import type { SessionView } from '../../protocol/session.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { relative } from '../render/figures.ts'
import { pairLines, tableLines } from '../render/table.ts'
import { taskTable } from '../render/task-list.ts'
import { oneLine } from '../render/visible.ts'
import type { Given, none } from '../spec.ts'

type Plain = Given<typeof none>

export async function listSessions(_: Plain, context: Context): Promise<number> {
  const { terminal, json, clock } = context
  const { items } = await (await connect(context)).call('listSessions', { signal: context.signal })
  if (json) terminal.json(items)
  else if (items.length === 0) terminal.out('no conversations yet; agents that can be resumed leave one with each task')
  else {
    const now = clock.now()
    const rows = items.map((each) => [
      each.id,
      each.state,
      oneLine(each.harness ?? ''),
      oneLine(each.daemonName),
      relative(each.updatedAt, now),
      oneLine(each.title),
    ])
    const head = ['ID', 'STATE', 'AGENT', 'HOST', 'LAST', 'TITLE']
    terminal.out(...tableLines({ head, rows, flexible: 5 }, terminal.width, terminal.style))
  }
  return 0
}

export async function showSession({ args }: Plain, context: Context): Promise<number> {
  const client = await connect(context)
  const params = { id: args[0] ?? '' }
  const { items } = await client.call('listMessages', { params, signal: context.signal }).catch((error) => {
    throw unknownHere(error, params.id)
  })
  const session = await client.call('getSession', { params, signal: context.signal }).catch((error: unknown) => {
    if (items.length > 0 && error instanceof Problem && error.code === 'not_found') return null
    throw error
  })
  const { terminal, clock } = context
  if (context.json) terminal.json({ ...session, waiting: items })
  else {
    terminal.out(...(session === null ? [await whyNone(client, params.id, context)] : page(session, context)))
    if (items.length > 0) {
      const sheet = { style: terminal.style, width: terminal.width, now: clock.now() }
      terminal.out('', terminal.style.dim('what waits, in order'), ...taskTable(items, sheet))
    }
  }
  return 0
}

async function whyNone(client: Client, id: string, { signal }: Context): Promise<string> {
  const { state } = await client.call('getTask', { params: { id }, signal })
  const notBegun = state === 'waiting' || state === 'queued'
  const why = state === 'running' ? 'its agent is at work' : notBegun ? 'it has not begun' : `it is ${state}`
  return `${id} has left no conversation yet: ${why}`
}

export async function closeSession({ args }: Plain, context: Context): Promise<number> {
  const client = await connect(context)
  const params = { id: args[0] ?? '' }
  const session = await client.call('closeSession', { params, body: {}, signal: context.signal }).catch((error) => {
    throw unknownHere(error, params.id)
  })
  if (context.json) context.terminal.json(session)
  else context.terminal.out(`${session.id}  closed`)
  return 0
}

/** A session is named by any of its tasks, which is no reason to speak of tasks alone. */
function unknownHere(error: unknown, id: string): unknown {
  if (!(error instanceof Problem) || error.code !== 'not_found' || !error.detail.includes('no task')) return error
  return new Problem(
    'not_found',
    `there is no session, and no task of one, ${JSON.stringify(id)}; see: capstan session ls`,
  )
}

function page(session: SessionView, { terminal, clock }: Context): readonly string[] {
  const now = clock.now()
  const pairs = [
    ['id', session.id],
    ['title', oneLine(session.title)],
    ['state', session.state],
    ['agent', `${oneLine(session.harness ?? '')} ${oneLine(session.sessionRef)}`],
    ['lives on', `${oneLine(session.daemonName)}${session.sessionCid === null ? '' : ', and at the server'}`],
    ['repo', oneLine(session.repo ?? '')],
    ['branch', oneLine(session.branch ?? '')],
    ['tasks', `${session.tasks}, the last ${session.lastTaskId}`],
    ['last', relative(session.updatedAt, now)],
  ] as const
  return pairLines(
    pairs.filter(([, value]) => value !== ''),
    terminal.style,
  )
}

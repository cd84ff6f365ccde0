// capstan pool add, ls, show, rm

import type { Output } from '../../protocol/operations.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { plural, relative } from '../render/figures.ts'
import { pairLines, tableLines } from '../render/table.ts'
import { oneLine } from '../render/visible.ts'
import type { Given, none } from '../spec.ts'
import type { poolAddOptions } from './options.ts'

export async function addPool({ args, options }: Given<typeof poolAddOptions>, context: Context): Promise<number> {
  const client = await connect(context)
  const connector = options.connector === undefined ? {} : { connector: options.connector }
  const pool = await client.call('createPool', { body: { name: args[0] ?? '', ...connector }, signal: context.signal })
  if (context.json) context.terminal.json(pool)
  else context.terminal.out(`${pool.name}  ${pool.id}`, `next: capstan daemon --pool ${pool.name}`)
  return 0
}

export async function listPools(_: Given<typeof none>, { terminal, json, ...context }: Context): Promise<number> {
  const { items } = await (await connect(context)).call('listPools', { signal: context.signal })
  if (json) terminal.json(items)
  else if (items.length === 0) terminal.out('no pools; make one with: capstan pool add NAME')
  else {
    const rows = items.map((pool) => [
      oneLine(pool.name),
      pool.id,
      String(pool.daemons),
      oneLine(pool.connector ?? 'any'),
    ])
    const table = { head: ['NAME', 'ID', 'DAEMONS', 'CONNECTOR'], rows, flexible: 0, right: [2] }
    terminal.out(...tableLines(table, terminal.width, terminal.style))
  }
  return 0
}

export async function showPool({ args }: Given<typeof none>, context: Context): Promise<number> {
  const client = await connect(context)
  const pool = await client.call('getPool', { params: { id: args[0] ?? '' }, signal: context.signal })
  if (context.json) context.terminal.json(pool)
  else context.terminal.out(...page(pool, context))
  return 0
}

function page(pool: Output<'getPool'>, { terminal, clock }: Context): readonly string[] {
  const pairs = [
    ['name', oneLine(pool.name)],
    ['id', pool.id],
    ['connector', oneLine(pool.connector ?? 'any daemon of the team')],
    ['daemons', plural(pool.daemons, 'daemon')],
    ['created', relative(pool.createdAt, clock.now())],
  ] as const
  const rows = pool.hosts.map(({ name, connected, draining, running, maxAgents }) => [
    oneLine(name),
    connected ? (draining ? 'draining' : 'connected') : 'away',
    `${running}/${maxAgents}`,
  ])
  const table = { head: ['DAEMON', 'STATE', 'AGENTS'], rows, flexible: 0 }
  return [
    ...pairLines(pairs, terminal.style),
    ...(rows.length === 0 ? [] : ['', ...tableLines(table, terminal.width, terminal.style)]),
  ]
}

export async function removePool({ args }: Given<typeof none>, context: Context): Promise<number> {
  const client = await connect(context)
  const id = args[0] ?? ''
  await client.call('removePool', { params: { id }, signal: context.signal })
  if (context.json) context.terminal.json({ removed: id })
  else context.terminal.out(`${id} is removed`)
  return 0
}

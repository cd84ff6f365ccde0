// capstan team add, ls

import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { relative } from '../render/figures.ts'
import { tableLines } from '../render/table.ts'
import { oneLine } from '../render/visible.ts'
import type { Given, none } from '../spec.ts'

export async function addTeam({ args }: Given<typeof none>, context: Context): Promise<number> {
  const client = await connect(context)
  const team = await client.call('createTeam', { body: { name: args[0] ?? '' }, signal: context.signal })
  if (context.json) context.terminal.json(team)
  else context.terminal.out(`${team.name}  ${team.id}`, `next: capstan token add NAME --team ${team.name}`)
  return 0
}

export async function listTeams(
  _: Given<typeof none>,
  { terminal, json, clock, ...context }: Context,
): Promise<number> {
  const { items } = await (await connect(context)).call('listTeams', { signal: context.signal })
  const rows = items.map((team) => [oneLine(team.name), team.id, relative(team.createdAt, clock.now())])
  if (json) terminal.json(items)
  else
    terminal.out(...tableLines({ head: ['NAME', 'ID', 'CREATED'], rows, flexible: 0 }, terminal.width, terminal.style))
  return 0
}

// capstan daemon ls, show, status, drain, undrain: hosts as the server knows them.

import type { Client } from '../../client/client.ts'
import { Problem } from '../../core/problem.ts'
import type { DaemonView } from '../../protocol/fleet.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { daemonHere, dataDirOf } from '../data-dir.ts'
import { hostPage, hostTable } from '../render/host.ts'
import type { Given, none } from '../spec.ts'

export async function listHosts(_: Given<typeof none>, context: Context): Promise<number> {
  const { terminal, json, clock } = context
  const { items } = await (await connect(context)).call('listDaemons', { signal: context.signal })
  if (json) terminal.json(items)
  else if (items.length === 0) terminal.out('no daemon is known; start one with: capstan daemon')
  else terminal.out(...hostTable(items, { style: terminal.style, width: terminal.width, now: clock.now() }))
  return 0
}

export async function showHost({ args }: Given<typeof none>, context: Context): Promise<number> {
  const client = await connect(context)
  const host = await findHost(client, args[0], context)
  if (context.json || host.pool === null) return say(host, context)
  const { items } = await client.call('listPools', { signal: context.signal })
  const pool = items.find((each) => each.id === host.pool)
  return say({ ...host, pool: pool === undefined ? host.pool : `${pool.name} (${pool.id})` }, context)
}

/** `on`: it takes no more work. */
export async function drainHost(name: string | undefined, on: boolean, context: Context): Promise<number> {
  const client = await connect(context)
  const { id } = await findHost(client, name, context)
  const host = await client.call('drainDaemon', { params: { id }, body: { on }, signal: context.signal })
  if (context.json) context.terminal.json(host)
  else context.terminal.out(`${host.name} ${on ? 'takes no more work' : 'takes work'}; ${host.running} at work`)
  return 0
}

export function undrainHost({ args }: Given<typeof none>, context: Context): Promise<number> {
  return drainHost(args[0], false, context)
}

/** By id or name; without one the daemon started here, else the only one there is. */
async function findHost(client: Client, name: string | undefined, context: Context): Promise<DaemonView> {
  if (name !== undefined) return client.call('getDaemon', { params: { id: name }, signal: context.signal })
  const { items } = await client.call('listDaemons', { signal: context.signal })
  const here = daemonHere(dataDirOf(context, undefined))
  const host = items.find((each) => each.id === here) ?? (items.length === 1 ? items[0] : undefined)
  if (host !== undefined) return host
  if (items.length === 0) throw new Problem('usage', 'no daemon is known; start one with: capstan daemon')
  throw new Problem(
    'usage',
    `there are ${items.length} daemons; name one: ${items.map((each) => each.name).join(', ')}`,
  )
}

function say(host: DaemonView, { json, terminal, clock }: Context): number {
  if (json) terminal.json(host)
  else terminal.out(...hostPage(host, { style: terminal.style, width: terminal.width, now: clock.now() }))
  return 0
}

// capstan member ls, add, set, rm, invite

import type { Role } from '../../core/role.ts'
import type { MemberView } from '../../protocol/access.ts'
import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { relative } from '../render/figures.ts'
import { tableLines } from '../render/table.ts'
import { oneLine } from '../render/visible.ts'
import type { Given, none } from '../spec.ts'
import type { memberAddOptions, memberSetOptions } from './options.ts'

export async function listMembers(_: Given<typeof none>, context: Context): Promise<number> {
  const { terminal, json, clock, signal } = context
  const { items } = await (await connect(context)).call('listMembers', { signal })
  if (json) {
    terminal.json(items)
    return 0
  }
  const now = clock.now()
  const rows = items.map(({ name, role, kind, tokens, lastUsedAt }) => [
    oneLine(name),
    role,
    kind,
    String(tokens),
    lastUsedAt === null ? 'never' : relative(lastUsedAt, now),
  ])
  const table = { head: ['NAME', 'ROLE', 'KIND', 'TOKENS', 'USED'], rows, flexible: 0, right: [3] }
  terminal.out(...tableLines(table, terminal.width, terminal.style))
  return 0
}

export async function addMember({ args, options }: Given<typeof memberAddOptions>, context: Context): Promise<number> {
  const kind = options.service === true ? ('service' as const) : ('user' as const)
  const role = options.role === undefined ? {} : { role: options.role as Role } // the parser has checked the choices
  const body = { name: args[0] ?? '', kind, ...role }
  const member = await (await connect(context)).call('createMember', { body, signal: context.signal })
  const next =
    kind === 'user' ? `capstan member invite ${member.name}` : `capstan token add NAME --account ${member.name}`
  return say(member, context, `next: ${next}`)
}

export async function setMember({ args, options }: Given<typeof memberSetOptions>, context: Context): Promise<number> {
  const params = { id: args[0] ?? '' }
  const body = { role: options.role as Role } // required, and the parser has checked the choices
  return say(await (await connect(context)).call('changeMember', { params, body, signal: context.signal }), context)
}

export async function removeMember({ args }: Given<typeof none>, context: Context): Promise<number> {
  const id = args[0] ?? ''
  await (await connect(context)).call('removeMember', { params: { id }, signal: context.signal })
  if (context.json) context.terminal.json({ removed: id })
  else context.terminal.out(`${id} is removed, and all its tokens are revoked`)
  return 0
}

/** The human form prints the link alone on standard output; whoever opens it is that person. */
export async function inviteMember({ args }: Given<typeof none>, context: Context): Promise<number> {
  const client = await connect(context)
  const params = { id: args[0] ?? '' }
  const { path, expiresAt } = await client.call('inviteMember', { params, body: {}, signal: context.signal })
  const url = `${client.url.replace(/\/+$/, '')}${path}`
  if (context.json) context.terminal.json({ url, expiresAt })
  else {
    context.terminal.out(url)
    context.terminal.note(`works once, until ${new Date(expiresAt).toISOString()}`)
  }
  return 0
}

function say(member: MemberView, { json, terminal }: Context, ...more: readonly string[]): number {
  if (json) terminal.json(member)
  else terminal.out(`${oneLine(member.name)}  ${member.role}  ${member.id}`, ...more)
  return 0
}

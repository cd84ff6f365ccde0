// capstan token add, ls, revoke

import { connect } from '../connection.ts'
import type { Context } from '../context.ts'
import { relative } from '../render/figures.ts'
import { tableLines } from '../render/table.ts'
import { oneLine } from '../render/visible.ts'
import type { Given, none } from '../spec.ts'
import { parseInstant } from '../task/time.ts'
import type { tokenAddOptions } from './options.ts'

/** The human form prints the secret alone on standard output, so that it can be piped; the rest goes to standard error. */
export async function addToken({ args, options }: Given<typeof tokenAddOptions>, context: Context): Promise<number> {
  const client = await connect(context)
  const scopes = (options.scope ?? ['user']) as ('user' | 'admin' | 'daemon')[] // the parser has checked the choices
  const team = options.team === undefined ? {} : { team: options.team }
  const expires =
    options.expires === undefined ? {} : { expiresAt: parseInstant(options.expires, context.clock.now(), 'expires') }
  const account = options.account === undefined ? {} : { account: options.account }
  const body = { name: args[0] ?? '', scopes, ...account, ...team, ...expires }
  const token = await client.call('createToken', { body, signal: context.signal })
  if (context.json) context.terminal.json(token)
  else {
    context.terminal.out(token.secret)
    context.terminal.note(`shown this once; revoke it with: capstan token revoke ${token.id}`)
  }
  return 0
}

export async function listTokens(
  _: Given<typeof none>,
  { terminal, json, clock, ...context }: Context,
): Promise<number> {
  const { items } = await (await connect(context)).call('listTokens', { signal: context.signal })
  if (json) {
    terminal.json(items)
    return 0
  }
  const now = clock.now()
  const rows = items.map((token) => [
    token.id,
    token.scopes.join(','),
    oneLine(token.account ?? ''),
    token.role,
    token.lastUsedAt === null ? 'never' : relative(token.lastUsedAt, now),
    token.expiresAt === null ? 'never' : relative(token.expiresAt, now),
    oneLine(token.name),
  ])
  const table = { head: ['ID', 'SCOPES', 'MEMBER', 'ROLE', 'USED', 'EXPIRES', 'NAME'], rows, flexible: 6 }
  terminal.out(...tableLines(table, terminal.width, terminal.style))
  return 0
}

export async function revokeToken({ args }: Given<typeof none>, context: Context): Promise<number> {
  const client = await connect(context)
  const id = args[0] ?? ''
  await client.call('revokeToken', { params: { id }, signal: context.signal })
  if (context.json) context.terminal.json({ revoked: id })
  else context.terminal.out(`${id} is revoked`)
  return 0
}

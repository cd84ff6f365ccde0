// capstan login: checks a token with its server, then keeps both.

import { Problem } from '../../core/problem.ts'
import { checkUrl, clientOf, connectionPath, isLoopback, readSaved, writeConnection } from '../connection.ts'
import type { Context } from '../context.ts'
import { whoLines } from '../render/who.ts'
import type { Given } from '../spec.ts'
import { readStdin } from '../stdin.ts'
import type { loginOptions } from './options.ts'

/** Nothing is kept unless the server knows the token. */
export async function logIn(given: Given<typeof loginOptions>, context: Context): Promise<number> {
  const { options } = given
  if (options.tokenStdin !== true)
    throw new Problem('usage', 'a token is read from standard input only: capstan login --token-stdin < FILE')
  const named = options.url ?? context.env.CAPSTAN_URL ?? readSaved(connectionPath(context.home))?.url
  if (named === undefined) throw new Problem('usage', 'which server? capstan login --url URL --token-stdin')
  const url = checkUrl(named, '--url')
  const token = (await readStdin(context.signal)).trim()
  if (token === '') throw new Problem('usage', 'standard input holds no token')
  const client = await clientOf(context.env, { url, token })
  const who = await client.call('whoami', { signal: context.signal })
  writeConnection(context.home, { url, token })
  if (url.startsWith('http:') && !isLoopback(url) && !context.json)
    context.terminal.note(`note: ${url} is not encrypted: the token travels in the clear`)
  if (context.json) context.terminal.json({ url, ...who })
  else context.terminal.out(...whoLines({ url, source: connectionPath(context.home), who }, context.terminal))
  return 0
}

// capstan whoami

import { clientOf, readConnection } from '../connection.ts'
import type { Context } from '../context.ts'
import { whoLines } from '../render/who.ts'
import type { Given, none } from '../spec.ts'

export async function whoAmI(given: Given<typeof none>, context: Context): Promise<number> {
  const connection = readConnection(context)
  const client = await clientOf(context.env, connection)
  const who = await client.call('whoami', { signal: context.signal })
  const { url, source } = connection
  if (given.json) context.terminal.json({ url, ...who })
  else context.terminal.out(...whoLines({ url, source, who }, context.terminal))
  return 0
}

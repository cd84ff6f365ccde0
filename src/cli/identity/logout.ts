// capstan logout

import { connectionPath, forgetConnection } from '../connection.ts'
import type { Context } from '../context.ts'
import type { Given, none } from '../spec.ts'

export async function logOut(given: Given<typeof none>, { home, terminal }: Context): Promise<number> {
  const forgotten = forgetConnection(home)
  const path = connectionPath(home)
  if (given.json) terminal.json({ forgotten })
  else terminal.out(forgotten ? `${path} is removed` : `there was nothing to forget: ${path} does not exist`)
  return 0
}

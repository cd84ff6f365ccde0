// Who a token is, at which server.

import type { Output } from '../../protocol/operations.ts'
import type { Look } from './outcome.ts'
import { pairLines } from './table.ts'
import { oneLine } from './visible.ts'

export interface Who {
  readonly url: string
  readonly source: string
  readonly who: Output<'whoami'>
}

export function whoLines({ url, source, who }: Who, { style }: Look): readonly string[] {
  const pairs = [
    ['server', `${url}, Capstan ${oneLine(who.server.version)} on ${who.server.store}`],
    ['you', oneLine(who.actor)],
    ['team', oneLine(who.team.name)],
    ['role', who.role],
    ['scopes', who.scopes.join(', ')],
    ['from', oneLine(source)],
  ] as const
  return pairLines(pairs, style)
}

// Renewed tokens that cannot be brought to the host are not called brought.

import { chownSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { TokenCopy } from '../../../src/daemon/sandbox/homes.ts'
import { exchangeTokens } from '../../../src/daemon/sandbox/tokens.ts'
import { makePlace } from '../workspace/place.ts'
import { runUser } from './box-world.ts'

test.skipIf(runUser === null)(
  'a file in a folder that is not the user’s is refused, and then written once it is theirs',
  () => {
    using place = makePlace()
    const { uid, gid } = runUser ?? { uid: 0, gid: 0 }
    const tokens = (access: string, expires: number) => JSON.stringify({ me: { access, expires } })
    const path = place.write('home/auth.json', tokens('token-one', 1_000))
    const copy = place.write('box/auth.json', tokens('token-two', 2_000))
    for (const each of [path, copy]) chownSync(each, uid, gid)
    const entries = [{ at: ['me'], tokens: ['access'], expires: 'expires' }]
    const copies: readonly TokenCopy[] = [{ path, copy, exposed: false, entries }]
    expect(exchangeTokens(copies, runUser, 1)).toEqual({ upToDate: [], refused: [path] })
    expect(readFileSync(path, 'utf8')).toContain('token-one')
    chownSync(place.path('home'), uid, gid)
    expect(exchangeTokens(copies, runUser, 1)).toEqual({ upToDate: [path], refused: [] })
    expect(readFileSync(path, 'utf8')).toContain('token-two')
    expect(exchangeTokens(copies, runUser, 1)).toEqual({ upToDate: [], refused: [] })
  },
)

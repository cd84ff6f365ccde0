// Which tokens of a run's copy are brought to the host, and that those which cannot be are not called brought.

import { chownSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { TokenCopy } from '../../../src/daemon/sandbox/homes.ts'
import { exchangeTokens } from '../../../src/daemon/sandbox/tokens.ts'
import type { Place } from '../workspace/place.ts'
import { makePlace } from '../workspace/place.ts'
import { runUser } from './box-world.ts'

const hour = 3_600_000
const now = Date.parse('2026-11-21T10:00:00Z')

/** A host's file and a run's copy of it, with tokens that hold so long from now, ms; `look` gives the host's token afterwards. */
function makeStores(place: Place, own: number, theirs: number) {
  const tokens = (access: string, ms: number) => JSON.stringify({ me: { access, expires: now + ms } })
  const path = place.write('home/auth.json', tokens('token-one', own))
  const copy = place.write('box/auth.json', tokens('token-two', theirs))
  const entries = [{ at: ['me'], tokens: ['access'], expires: 'expires', longestMs: 48 * hour }]
  const look = () => {
    exchangeTokens([{ path, copy, exposed: true, entries }], null, now)
    return /token-\w+/.exec(readFileSync(path, 'utf8'))?.[0]
  }
  return { copy, path, look }
}

test.each([
  ['hold for another hour', hour, 8 * hour, 'token-one'],
  ['are about to expire', 300_000, 8 * hour, 'token-two'],
  ['have expired', -hour, 8 * hour, 'token-two'],
  ['have expired, by some that say they hold for a year', -hour, 365 * 24 * hour, 'token-one'],
])('tokens of the host that %s are replaced only when they are due, by such as a CLI gets', (_, own, theirs, after) => {
  using place = makePlace()
  expect(makeStores(place, own, theirs).look()).toBe(after)
})

test('a copy that an agent made huge is not read, and not written; the host keeps its tokens', () => {
  using place = makePlace()
  const { copy, path, look } = makeStores(place, -hour, hour)
  truncateSync(copy, 1_500_000_000)
  const before = readFileSync(path, 'utf8')
  const from = performance.now()
  expect(look()).toBe('token-one')
  expect(readFileSync(path, 'utf8')).toBe(before)
  expect(performance.now() - from).toBeLessThan(1_000)
  writeFileSync(copy, JSON.stringify({ me: { access: 'token-two', expires: now + hour } }))
  expect(look()).toBe('token-two')
})

test.skipIf(runUser === null)(
  'a file in a folder that is not the user’s is refused, and then written once it is theirs',
  () => {
    using place = makePlace()
    const { uid, gid } = runUser ?? { uid: 0, gid: 0 }
    const tokens = (access: string, expires: number) => JSON.stringify({ me: { access, expires } })
    const path = place.write('home/auth.json', tokens('token-one', 1_000))
    const copy = place.write('box/auth.json', tokens('token-two', 2_000))
    for (const each of [path, copy]) chownSync(each, uid, gid)
    const entries = [{ at: ['me'], tokens: ['access'], expires: 'expires', longestMs: 172_800_000 }]
    const copies: readonly TokenCopy[] = [{ path, copy, exposed: false, entries }]
    expect(exchangeTokens(copies, runUser, 1)).toEqual({ upToDate: [], refused: [path] })
    expect(readFileSync(path, 'utf8')).toContain('token-one')
    chownSync(place.path('home'), uid, gid)
    expect(exchangeTokens(copies, runUser, 1)).toEqual({ upToDate: [path], refused: [] })
    expect(readFileSync(path, 'utf8')).toContain('token-two')
    expect(exchangeTokens(copies, runUser, 1)).toEqual({ upToDate: [], refused: [] })
  },
)

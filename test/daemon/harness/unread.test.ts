// Words that an adapter took and its CLI never read: told at the end, so that they can become the next message.

import { expect, test } from 'vitest'
import { acpConversation } from '../../../src/daemon/harness/acp-stream.ts'
import { codex } from '../../../src/daemon/harness/codex.ts'
import type { Brief, Harness } from '../../../src/daemon/harness/port.ts'

const brief: Brief = {
  prompt: 'x',
  cwd: '/w',
  model: null,
  autonomy: 'ask',
  maxTurns: null,
  sessionRef: null,
  trusted: true,
  mcp: null,
}
const acp = acpConversation({ title: 'An agent', authMethod: null, modelInArgs: false })

/** States are the adapters' own. */
const adapters: readonly (readonly [string, Pick<Harness<never>, 'initial' | 'message' | 'unread' | 'reduce'>])[] = [
  ['codex', codex as Harness<never>],
  ['acp', acp as unknown as Harness<never>],
]

test.each(adapters)('%s holds what no turn took, in order, also when the CLI is gone', (_name, adapter) => {
  let state = adapter.initial()
  expect(adapter.unread?.(state)).toEqual([])
  for (const words of ['one', 'two']) {
    const step = adapter.message?.(state, words, brief)
    expect(step?.refused).toBeUndefined()
    state = step?.state ?? state
  }
  expect(adapter.unread?.(state)).toEqual(['one', 'two'])
})

test.each(adapters)('%s says so when it takes no more', (_name, adapter) => {
  let state = adapter.initial()
  let refused: true | undefined
  for (let n = 0; n < 1_000 && refused === undefined; n += 1) {
    const step = adapter.message?.(state, `words ${n}`, brief)
    refused = step?.refused
    state = step?.state ?? state
  }
  expect(refused).toBe(true)
})

test('an agent that works on its own refuses words', () => {
  const alone = { ...brief, autonomy: 'full' as const }
  expect(codex.message?.(codex.initial(), 'x', alone).refused).toBe(true)
})

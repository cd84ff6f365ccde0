// Refusals of the server in the words of the command line.

import { expect, it } from 'vitest'
import { inFlags } from '../../src/cli/in-flags.ts'

const typed = { flags: ['timeout', 'max-cost', 'daemon', 'expires'], args: ['id', 'text'] }

it.each([
  ['the body: runningTimeoutMs: must be a whole number', '--timeout: must be a whole number'],
  ['the body: budgets.maxCostUsd: must be more than 0', '--max-cost: must be more than 0'],
  ['the body: daemon: is too long', '--daemon: is too long'],
  ['the body: expiresAt: must be a time', '--expires: must be a time'],
  ['the body: text: a message needs words', 'text: a message needs words'],
  ['the body: context.0.slug: is too long', 'slug: is too long'],
  ['there is no task "x"', 'there is no task "x"'],
])('%s → %s', (said, spoken) => expect(inFlags(said, typed)).toBe(spoken))

// How often a daemon says that it lives: as its runs' profiles ask.

import { expect, test } from 'vitest'
import { leastBeat } from '../../src/daemon/heartbeat.ts'

test('a daemon beats as often as its most impatient run asks, and as usual for runs that ask nothing', () => {
  const patient = { heartbeatIntervalMs: 30_000 }
  const eager = { heartbeatIntervalMs: 2_000 }
  expect(leastBeat([], 10_000)).toBe(10_000)
  expect(leastBeat([patient, eager], 10_000)).toBe(2_000)
  expect(leastBeat([patient], 10_000)).toBe(30_000)
  expect(leastBeat([patient, undefined, {}], 10_000)).toBe(10_000)
})

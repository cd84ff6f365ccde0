// Where a task stands on the board.

import { expect, test } from 'vitest'
import type { BoardFacts, BoardGroup } from '../../src/core/board.ts'
import { boardGroups, groupOf } from '../../src/core/board.ts'
import { taskStates } from '../../src/core/task.ts'

const calm: BoardFacts = { state: 'running', verdict: null, openRequests: 0, stalled: false }

test.each<[Partial<BoardFacts>, BoardGroup]>([
  [{ state: 'waiting' }, 'queued'],
  [{ state: 'queued' }, 'queued'],
  [{ state: 'preparing' }, 'working'],
  [{ state: 'running' }, 'working'],
  [{ state: 'running', openRequests: 1 }, 'needs_you'],
  [{ state: 'running', stalled: true }, 'needs_you'],
  [{ state: 'parked' }, 'parked'],
  [{ state: 'completed', verdict: 'pending' }, 'in_review'],
  [{ state: 'completed', verdict: 'accepted' }, 'done'],
  [{ state: 'completed', verdict: 'rejected' }, 'failed'],
  [{ state: 'failed' }, 'failed'],
  [{ state: 'expired' }, 'failed'],
  [{ state: 'cancelled' }, 'done'],
])('%j stands under %s', (facts, group) => {
  expect(groupOf({ ...calm, ...facts })).toBe(group)
})

test('every state has its place', () => {
  for (const state of taskStates) expect(boardGroups).toContain(groupOf({ ...calm, state }))
})

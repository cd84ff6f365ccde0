// Tasks that want a person, in whatever view and tab: those that need one, and those that wait for a review.

import { useQuery } from '@tanstack/react-query'
import type { BoardColumn, Card } from '../../src/protocol/board.ts'
import { server } from './server.ts'

const groups = ['needs_you', 'in_review'] as const
const pageSize = 100
/** Nothing is told when an agent has been silent for long: only a look finds it. */
const lookMs = 60_000

/** Those two columns of the whole board, their newest cards. */
export function useAttention() {
  return useQuery({
    queryKey: ['attention'],
    refetchInterval: lookMs,
    refetchIntervalInBackground: true,
    queryFn: async ({ signal }) =>
      (await server.call('getBoard', { query: { group: [...groups], limit: pageSize }, signal })).columns,
  })
}

/** Cards that came into their column between two looks. One that only moved up from behind the page's end did not come. */
export function newlyIn(before: readonly BoardColumn[], now: readonly BoardColumn[]): readonly Card[] {
  return now.flatMap(({ group, items }) => {
    const old = before.find((column) => column.group === group)
    const known = new Set(old?.items.map((card) => card.id))
    const end = old?.nextCursor == null ? 0 : Math.min(...old.items.map((card) => card.createdAt))
    return items.filter((card) => !known.has(card.id) && card.createdAt >= end)
  })
}

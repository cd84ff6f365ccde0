// Where a task stands on the board: one pure function from facts, so that page, command line and server never disagree.

import type { TaskStateName, Verdict } from './task.ts'

/** In the order a person looks at them: what needs them first, what is over last. */
export const boardGroups = ['needs_you', 'working', 'queued', 'parked', 'in_review', 'done', 'failed'] as const
export type BoardGroup = (typeof boardGroups)[number]

export interface BoardFacts {
  readonly state: TaskStateName
  readonly verdict: Verdict | null
  /** Permissions and questions that wait for a person. */
  readonly openRequests: number
  /** The agent has been silent for longer than is usual: somebody should look. */
  readonly stalled: boolean
}

/** A cancelled task is done: a person decided so. A rejected one has failed. */
export function groupOf({ state, verdict, openRequests, stalled }: BoardFacts): BoardGroup {
  switch (state) {
    case 'preparing':
    case 'running':
      return openRequests > 0 || stalled ? 'needs_you' : 'working'
    case 'waiting':
    case 'queued':
      return 'queued'
    case 'parked':
      return 'parked'
    case 'completed':
      if (verdict === 'pending') return 'in_review'
      return verdict === 'rejected' ? 'failed' : 'done'
    case 'cancelled':
      return 'done'
    case 'failed':
    case 'expired':
      return 'failed'
  }
}

// Where a task stands, as a word and a colour: the same everywhere on the page.

import type { BoardGroup } from '../../src/core/board.ts'
import { groupOf } from '../../src/core/board.ts'
import type { Card } from '../../src/protocol/board.ts'
import type { TaskView } from '../../src/protocol/task.ts'

interface Look {
  readonly title: string
  readonly dot: string
  readonly chip: string
}

export const looks: Readonly<Record<BoardGroup, Look>> = {
  needs_you: { title: 'Needs you', dot: 'bg-needs', chip: 'bg-needs-soft text-needs' },
  working: { title: 'Working', dot: 'bg-busy', chip: 'bg-busy-soft text-busy' },
  queued: { title: 'Queued', dot: 'bg-faint', chip: 'bg-calm-soft text-calm' },
  parked: { title: 'Parked', dot: 'bg-parked', chip: 'bg-parked-soft text-parked' },
  in_review: { title: 'In review', dot: 'bg-review', chip: 'bg-review-soft text-review' },
  done: { title: 'Done', dot: 'bg-good', chip: 'bg-good-soft text-good' },
  failed: { title: 'Failed', dot: 'bg-bad', chip: 'bg-bad-soft text-bad' },
}

type Stands = Pick<Card, 'group' | 'state' | 'verdict'>

/** One or two words; the column's title where it says it all. */
export function wordOf({ group, state, verdict }: Stands): string {
  if (state === 'waiting' || state === 'preparing' || state === 'cancelled' || state === 'expired') return state
  if (state === 'completed' && verdict === 'rejected') return 'rejected'
  return looks[group].title.toLowerCase()
}

export function Chip({ at }: { readonly at: Stands }) {
  const busy = at.state === 'running' || at.state === 'preparing'
  return (
    <span
      className={`inline-flex items-center gap-1.5 rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap ${looks[at.group].chip}`}
    >
      <span className={`size-1.5 rounded-full ${looks[at.group].dot} ${busy ? 'pulse' : ''}`} />
      {wordOf(at)}
    </span>
  )
}

/** Of a whole task; its open requests are counted by the inbox. */
export function standingOf(task: TaskView, openRequests: number): Stands {
  const { state, verdict } = task
  const stalled = task.attempts.at(-1)?.stalledSince != null
  return { state, verdict, group: groupOf({ state, verdict, openRequests, stalled }) }
}

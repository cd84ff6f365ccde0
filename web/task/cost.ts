// What a task has used so far, over all its attempts.

import type { Usage } from '../../src/protocol/events.ts'
import type { AttemptView, TaskView } from '../../src/protocol/task.ts'
import { dollars } from '../parts/figures.ts'

export interface Cost {
  readonly tokens: number
  readonly usd: number
  /** Some of it is made of tokens and a table of prices. */
  readonly estimated: boolean
}

export function costOf(task: TaskView): Cost {
  return {
    tokens: task.attempts.reduce((sum, each) => sum + tokensOf(each), 0),
    usd: task.attempts.reduce((sum, each) => sum + (each.costUsd ?? 0), 0),
    estimated: task.attempts.some((each) => each.costEstimated),
  }
}

export function tokensOf({ usage }: AttemptView): number {
  return usage === null ? 0 : sumOf(usage)
}

export function sumOf({ inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens }: Usage): number {
  return inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens
}

/** `$0.12`, or `about $0.12` where the agent told only its tokens; null: nothing is known. */
export function costWords({ costUsd, costEstimated }: AttemptView): string | null {
  return costUsd === null ? null : `${costEstimated ? 'about ' : ''}${dollars(costUsd)}`
}

// What a task has used so far, over all its attempts.

import type { AttemptView, TaskView } from '../../src/protocol/task.ts'

export interface Cost {
  readonly tokens: number
  readonly usd: number
  /** Some of it is computed from a price list, not told by the agent. */
  readonly estimate: boolean
}

export function costOf(task: TaskView): Cost {
  return {
    tokens: task.attempts.reduce((sum, each) => sum + tokensOf(each), 0),
    usd: task.attempts.reduce((sum, each) => sum + (each.costUsd ?? 0), 0),
    estimate: false,
  }
}

export function tokensOf({ usage }: AttemptView): number {
  if (usage === null) return 0
  return usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens
}

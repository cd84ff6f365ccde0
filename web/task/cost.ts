// What a task has used so far, over all its attempts.

import type { Usage } from '../../src/protocol/events.ts'
import type { AttemptView, TaskView } from '../../src/protocol/task.ts'

export interface Cost {
  readonly tokens: number
  readonly usd: number
}

export function costOf(task: TaskView): Cost {
  return {
    tokens: task.attempts.reduce((sum, each) => sum + tokensOf(each), 0),
    usd: task.attempts.reduce((sum, each) => sum + (each.costUsd ?? 0), 0),
  }
}

export function tokensOf({ usage }: AttemptView): number {
  return usage === null ? 0 : sumOf(usage)
}

export function sumOf({ inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens }: Usage): number {
  return inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens
}

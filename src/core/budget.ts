// Limits on what one attempt may use, and the reason an attempt over its limit ends with.

import type { AttemptReason } from './reason.ts'

/** The limits the daemon itself holds; a limit on turns is the agent CLI's own to hold. */
export interface BudgetLimits {
  readonly maxTokens?: number | undefined
  readonly maxCostUsd?: number | undefined
}

/** What the attempt has used so far. */
export interface Tally {
  /** Input and output, cached or not. */
  readonly tokens: number
  readonly costUsd: number
}

export const nothingUsed: Tally = { tokens: 0, costUsd: 0 }

/** The first limit that is passed, with the figures, or null. A limit may be reached, not passed. */
export function overBudget(limits: BudgetLimits, tally: Tally): { reason: AttemptReason; detail: string } | null {
  const { maxTokens, maxCostUsd } = limits
  if (maxTokens !== undefined && tally.tokens > maxTokens) {
    return { reason: 'max_tokens_exceeded', detail: `${tally.tokens} tokens, ${maxTokens} allowed` }
  }
  if (maxCostUsd !== undefined && tally.costUsd > maxCostUsd) {
    return { reason: 'max_cost_exceeded', detail: `$${tally.costUsd.toFixed(4)} spent, $${maxCostUsd} allowed` }
  }
  return null
}

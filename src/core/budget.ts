// Limits on what one attempt may use, and the reason an attempt over its limit ends with.

import type { AttemptReason } from './reason.ts'

export interface BudgetLimits {
  readonly maxTurns?: number | undefined
  readonly maxTokens?: number | undefined
  readonly maxCostUsd?: number | undefined
  readonly maxBashTimeouts?: number | undefined
}

export interface Tally {
  readonly turns: number
  /** Input and output, cached or not. */
  readonly tokens: number
  readonly costUsd: number
  readonly bashTimeouts: number
}

export const nothingUsed: Tally = { turns: 0, tokens: 0, costUsd: 0, bashTimeouts: 0 }

/** A tool that times out this often is not going to finish; SPEC 3. */
const defaultBashTimeouts = 3

/** The first limit that is passed, with the figures, or null. A limit may be reached, not passed. */
export function overBudget(limits: BudgetLimits, tally: Tally): { reason: AttemptReason; detail: string } | null {
  const { maxTurns, maxTokens, maxCostUsd, maxBashTimeouts = defaultBashTimeouts } = limits
  if (maxTurns !== undefined && tally.turns > maxTurns) {
    return { reason: 'max_turns_exceeded', detail: `${tally.turns} turns, ${maxTurns} allowed` }
  }
  if (maxTokens !== undefined && tally.tokens > maxTokens) {
    return { reason: 'max_tokens_exceeded', detail: `${tally.tokens} tokens, ${maxTokens} allowed` }
  }
  if (maxCostUsd !== undefined && tally.costUsd > maxCostUsd) {
    return { reason: 'max_cost_exceeded', detail: `$${tally.costUsd.toFixed(4)} spent, $${maxCostUsd} allowed` }
  }
  if (tally.bashTimeouts > maxBashTimeouts) {
    return {
      reason: 'max_bash_timeouts_exceeded',
      detail: `${tally.bashTimeouts} commands timed out, ${maxBashTimeouts} allowed`,
    }
  }
  return null
}

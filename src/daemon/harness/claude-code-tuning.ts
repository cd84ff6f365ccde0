// What a profile says of the model, in the variables that Claude Code reads: an older version passes over one that it does not know.

import type { Tuning } from './given.ts'
import { untuned } from './given.ts'

export function claudeTuningEnv({ thinkingLevel, maxOutputTokens }: Tuning): Record<string, string> {
  return {
    ...(maxOutputTokens === undefined ? {} : { CLAUDE_CODE_MAX_OUTPUT_TOKENS: String(maxOutputTokens) }),
    ...(thinkingLevel === undefined
      ? {}
      : thinkingLevel === 'off'
        ? { MAX_THINKING_TOKENS: '0' }
        : { CLAUDE_CODE_EFFORT_LEVEL: thinkingLevel === 'minimal' ? 'low' : thinkingLevel }),
  }
}

export function claudeUntuned(tuning: Tuning): readonly string[] {
  const { provider, thinkingLevel } = tuning
  const least = thinkingLevel === 'minimal' ? ['thinkingLevel minimal: low is the least of Claude Code'] : []
  const other =
    provider === undefined || provider === 'anthropic'
      ? []
      : [`provider ${provider}: Claude Code takes it from the host’s environment, such as CLAUDE_CODE_USE_BEDROCK`]
  return [...other, ...least, ...untuned('Claude Code', tuning, ['provider', 'thinkingLevel', 'maxOutputTokens'])]
}

// How much a model thinks before it answers, as a person says it; each CLI has words of its own.

export const thinkingLevels = ['off', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const
export type ThinkingLevel = (typeof thinkingLevels)[number]

// The models that come with Capstan: those whose agents it knows. Advice only; what is not known of one is left out rather than guessed.

import type { ThinkingLevel } from '../core/thinking.ts'
import type { ModelView } from '../protocol/models.ts'

/** In the models' own order of size. */
export const globalModels: readonly ModelView[] = [
  ...['claude-opus-4-5', 'claude-sonnet-4-5'].map((name) => entry('anthropic', name, 200_000)),
  entry('anthropic', 'claude-haiku-4-5', 200_000),
  entry('openai', 'gpt-5', 400_000, ['minimal', 'low', 'medium', 'high']),
  entry('openai', 'gpt-5-mini', 400_000, ['minimal', 'low', 'medium', 'high']),
  entry('openai', 'gpt-5-codex', 400_000, ['low', 'medium', 'high']),
  ...['gpt-5.3-codex', 'gpt-5.4', 'gpt-5.4-mini', 'gpt-5.5'].map((name) => entry('openai', name, null)),
  ...['gpt-5.6-luna', 'gpt-5.6-sol', 'gpt-5.6-terra'].map((name) => entry('openai', name, null)),
  entry('google', 'gemini-2.5-pro', 1_048_576),
  ...['gemini-3.1-pro', 'gemini-3.5-flash', 'gemini-3.5-flash-lite', 'gemini-3.8-flash'].map((name) =>
    entry('google', name, null),
  ),
]

function entry(
  provider: string,
  name: string,
  contextWindow: number | null,
  thinkingLevels: readonly ThinkingLevel[] | null = null,
): ModelView {
  return {
    id: `mdl_${provider}_${name}`,
    provider,
    name,
    displayName: name,
    description: '',
    capabilities: {
      supportsTools: true,
      ...(contextWindow === null ? {} : { contextWindow }),
      ...(thinkingLevels === null ? {} : { thinkingLevels: [...thinkingLevels] }),
    },
    global: true,
    createdAt: null,
    updatedAt: null,
  }
}

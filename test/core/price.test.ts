// Costs by list price.

import { expect, test } from 'vitest'
import { estimateCost } from '../../src/core/price.ts'

const million = {
  inputTokens: 1_000_000,
  outputTokens: 1_000_000,
  cacheReadTokens: 1_000_000,
  cacheWriteTokens: 1_000_000,
}

test('each kind of token has its own price', () => {
  expect(estimateCost('gpt-5.6-sol', million)).toBeCloseTo(5 + 30 + 0.5 + 6.25)
})

test('without a listed cache price the input price stands in', () => {
  expect(estimateCost('gemini-2.5-pro', million)).toBeCloseTo(1.25 + 10 + 1.25 + 1.25)
})

test.each(['gpt-5-codex', 'GPT-5-Codex', 'gpt-5-codex-2026-01-31', 'openai/gpt-5-codex', 'gpt-5-codex-latest'])(
  '%s has the price of its model',
  (name) => {
    expect(estimateCost(name, million)).toBe(estimateCost('gpt-5-codex', million))
  },
)

test('a preview has the price of its model', () => {
  const price = estimateCost('gemini-3.1-pro', million)
  expect(price).not.toBeNull()
  expect(estimateCost('gemini-3.1-pro-preview', million)).toBe(price)
  expect(estimateCost('gemini-3.1-pro-preview-customtools', million)).toBe(price)
})

test.each(['gpt-5.9', 'gpt-5-pro', 'gpt', 'constructor', '', 'llama-4'])(
  '%s, which is not listed, has none',
  (name) => {
    expect(estimateCost(name, million)).toBeNull()
  },
)

test('the owner’s own price goes before the list, by the name with its path first, and is needed for a model that is not listed', () => {
  const own = {
    'gpt-5-codex': { input: 1, output: 2, cacheRead: null, cacheWrite: 0 },
    'acme/llama-4': { input: 3, output: 0, cacheRead: 0, cacheWrite: 0 },
  }
  expect(estimateCost('GPT-5-Codex-2026-01-31', million, own)).toBeCloseTo(1 + 2 + 1 + 0)
  expect(estimateCost('acme/llama-4', million, own)).toBeCloseTo(3)
  expect(estimateCost('llama-4', million, own)).toBeNull()
  expect(estimateCost('gpt-5.6-sol', million, own)).toBe(estimateCost('gpt-5.6-sol', million))
})

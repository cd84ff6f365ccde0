// What tokens cost by the providers' list prices, for agents that report tokens only. Always an estimate.

/** Tokens of a run. `inputTokens` are those that were not read from a cache. */
export interface Tokens {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWriteTokens: number
}

/** US dollars per million tokens. A null cache price: none is listed, so the input price stands in, which is never too low. */
export interface Price {
  readonly input: number
  readonly output: number
  readonly cacheRead: number | null
  readonly cacheWrite: number | null
}

/** By the model's name in small letters. */
export type PriceTable = Readonly<Record<string, Price>>

/**
 * Standard prices of the shortest context tier. Sources, read on 2026-11-21: GPT-5.3 to 5.6, Gemini 3.1 Pro and 3.5 Flash from
 * `data/tables/copilot/models-and-pricing.yml` of github/docs (commit 024f6b0); GPT-5 and GPT-5-Codex from developers.openai.com/api/docs/models;
 * the other Gemini models from ai.google.dev/gemini-api/docs/pricing as transcribed on 2026-10-07 by api-evangelist/deepmind (commit 47a9772),
 * Gemini 3.8 Flash without its discount that ends with 2026.
 */
const prices: PriceTable = {
  'gpt-5': price(1.25, 10, 0.125),
  'gpt-5-codex': price(1.25, 10, 0.125),
  'gpt-5-mini': price(0.25, 2, 0.025),
  'gpt-5.3-codex': price(1.75, 14, 0.175),
  'gpt-5.4': price(2.5, 15, 0.25),
  'gpt-5.4-mini': price(0.75, 4.5, 0.075),
  'gpt-5.4-nano': price(0.2, 1.25, 0.02),
  'gpt-5.5': price(5, 30, 0.5),
  'gpt-5.6-luna': price(0.2, 1.2, 0.02, 0.25),
  'gpt-5.6-sol': price(5, 30, 0.5, 6.25),
  'gpt-5.6-terra': price(2, 12, 0.2, 2.5),
  'gemini-2.5-pro': price(1.25, 10),
  'gemini-3.1-pro': price(2, 12, 0.2),
  'gemini-3.5-flash': price(1.5, 9, 0.15),
  'gemini-3.5-flash-lite': price(0.3, 2.5),
  'gemini-3.8-flash': price(1.5, 7.5),
}

/** What may follow a name without another price: a date or build, `-latest`, `-preview`, and Google's variant with own tools. */
const variant = /(?:-(?:latest|preview|customtools|\d{2,4}))+$/

/**
 * Dollars for the tokens of one model, or null when its price is not known: `gpt-5.9` is not guessed from `gpt-5`. A path before the name
 * (`openai/gpt-5.4`) does not count. Long contexts cost more than this says, because sums do not tell how long each request was. `own`: prices
 * of the host's owner, which go first.
 */
export function estimateCost(model: string, tokens: Tokens, own: PriceTable = {}): number | null {
  const found = priceIn(own, model) ?? priceIn(prices, model)
  if (found === null) return null
  const { input, output, cacheRead, cacheWrite } = found
  const sum =
    tokens.inputTokens * input +
    tokens.outputTokens * output +
    tokens.cacheReadTokens * (cacheRead ?? input) +
    tokens.cacheWriteTokens * (cacheWrite ?? input)
  return sum / 1_000_000
}

function priceIn(table: PriceTable, model: string): Price | null {
  const whole = model.toLowerCase()
  const name = whole.slice(whole.lastIndexOf('/') + 1)
  for (const candidate of [whole, name, name.replace(variant, '')]) {
    if (Object.hasOwn(table, candidate)) return table[candidate] ?? null
  }
  return null
}

function price(
  input: number,
  output: number,
  cacheRead: number | null = null,
  cacheWrite: number | null = null,
): Price {
  return { input, output, cacheRead, cacheWrite }
}

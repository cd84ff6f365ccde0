// Reading JSON that strangers wrote: every look is checked, nothing is believed, and a missing field is null or empty.

export type Json = Readonly<Record<string, unknown>>

/** The object that a line holds, or null when the line is no JSON object. */
export function parseObject(text: string): Json | null {
  if (!text.trimStart().startsWith('{')) return null
  try {
    return objectOf(JSON.parse(text))
  } catch {
    return null // half a line, or prose that starts with a brace
  }
}

export function objectOf(value: unknown): Json | null {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Json) : null // checked on the line above
}

export function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function objectsOf(value: unknown): readonly Json[] {
  return arrayOf(value)
    .map(objectOf)
    .filter((item) => item !== null)
}

export function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

/** An agent's id of a conversation. It comes back as an argument when the conversation is resumed, so it must not look like an option. */
export function sessionOf(value: unknown): string | null {
  return typeof value === 'string' && /^[A-Za-z0-9][\w.:-]{0,199}$/.test(value) ? value : null
}

/** A finite number, or null. */
export function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

/** More tokens or tries than any run makes; sums of it stay exact. */
const maxCount = 1e12

/** A count: a whole number, not negative, of sane size; anything else is 0. */
export function countOf(value: unknown): number {
  const number = numberOf(value)
  return number === null || number < 0 || number > maxCount ? 0 : Math.trunc(number)
}

/** An exit code or another small whole number, or null. */
export function integerOf(value: unknown): number | null {
  return Number.isSafeInteger(value) ? (value as number) : null // isSafeInteger is true of numbers only
}

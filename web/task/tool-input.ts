// What a tool was given, as text: short fields read better as lines than as JSON.

import { exactText } from '../parts/ansi.ts'

export function inputText(input: unknown): string {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return exactText(JSON.stringify(input, null, 2) ?? '')
  return Object.entries(input)
    .map(([key, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2)
      return exactText(text.includes('\n') ? `${key}:\n${text}` : `${key}: ${text}`)
    })
    .join('\n')
}

// Points in time as people write them: a span from now, or a date.

import { Problem } from '../../core/problem.ts'
import { parseDuration } from '../../lib/duration.ts'

/** ms since the epoch. A date without a zone is local time. Throws `usage`, naming the option. */
export function parseInstant(text: string, now: number, option: string): number {
  const span = parseDuration(text)
  if (span !== null) return now + span
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN
  if (Number.isNaN(at))
    throw new Problem(
      'usage',
      `--${option} must be a time such as 2026-01-31T09:00 or a span such as 2h, not "${text}"`,
    )
  return at
}

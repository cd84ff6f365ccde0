// When a spent quota returns, read from prose. Pure: a time of day needs the instant at which the CLI ended; without it the answer is null.

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

const clockTime =
  /(?:try again at|resets?(?: at)?)\s+(?:([a-z]{3})[a-z]*\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s*(\d{4})?,?\s*(?:at\s+)?)?(\d{1,2})(?::(\d{2}))?\s*([ap])\.?m/i
const waitTime =
  /(?:try again|resets?) in\s+((?:\d+(?:\.\d+)?\s*(?:days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)\b[\s,and]*)+)/i

/**
 * Understands `…|1764000000` (seconds since the epoch), `try again at Nov 21st, 2026 2:27 AM`, `resets 3pm`, `try again in 2 hours 5
 * minutes`. `endedAt`: ms since the epoch, or null. Times of day are the host's, because the CLI printed them there.
 */
export function resetTime(text: string, endedAt: number | null): number | null {
  const epoch = /\|(\d{10})(\d{3})?\b/.exec(text)
  if (epoch) return Number(epoch[1]) * 1_000 + Number(epoch[2] ?? 0)
  const clock = clockTime.exec(text)
  if (clock) return atClock(clock, endedAt)
  const wait = waitTime.exec(text)
  return wait && endedAt !== null ? endedAt + waitMs(wait[1] ?? '') : null
}

function atClock(match: RegExpExecArray, endedAt: number | null): number | null {
  const [, monthName, day, year, hour, minute, half] = match
  const hours = (Number(hour) % 12) + (half?.toLowerCase() === 'p' ? 12 : 0)
  const minutes = Number(minute ?? 0)
  if (monthName === undefined) return endedAt === null ? null : nextTimeOfDay(endedAt, hours, minutes)
  const month = months.indexOf(monthName.toLowerCase())
  if (month === -1) return null
  if (year !== undefined) return new Date(Number(year), month, Number(day), hours, minutes).getTime()
  return endedAt === null ? null : nextDate(endedAt, { month, day: Number(day), hours, minutes })
}

function nextTimeOfDay(after: number, hours: number, minutes: number): number {
  const date = new Date(after)
  date.setHours(hours, minutes, 0, 0)
  if (date.getTime() <= after) date.setDate(date.getDate() + 1)
  return date.getTime()
}

function nextDate(after: number, at: { month: number; day: number; hours: number; minutes: number }): number {
  const year = new Date(after).getFullYear()
  const date = new Date(year, at.month, at.day, at.hours, at.minutes)
  if (date.getTime() <= after) date.setFullYear(year + 1)
  return date.getTime()
}

const unitMs: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 }

function waitMs(text: string): number {
  let sum = 0
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)\s*([dhms])/gi)) {
    sum += Number(count) * (unitMs[(unit ?? '').toLowerCase()] ?? 0)
  }
  return Math.ceil(sum)
}

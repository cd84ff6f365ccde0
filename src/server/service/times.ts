// Times in sentences. In UTC: the reader's zone is not known here.

import { formatDuration } from '../../lib/duration.ts'

/** To the second. */
export function time(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`
}

/** `until 2026-01-31T09:05:00Z (in 35m)`. */
export function until(at: number, now: number): string {
  return at <= now ? 'until any moment now' : `until ${time(at)} (in ${formatDuration(at - now)})`
}

// Durations as people write them: Go's form (`90s`, `1h30m`, `250ms`, `0`). Milliseconds everywhere else.

const unitMs: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }
const part = /(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g
const whole = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/

/** Milliseconds, rounded; null when `text` is not a duration in Go's form. */
export function parseDuration(text: string): number | null {
  if (text === '0') return 0
  if (!whole.test(text)) return null
  let ms = 0
  for (const [, amount, unit] of text.matchAll(part)) ms += Number(amount) * (unitMs[unit ?? ''] ?? 0)
  return Math.round(ms)
}

/** `1h2m`, `3m4s`, `5.2s`, `340ms`: two units at most, for people. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`
  if (ms < 60_000) return `${Math.round(ms / 100) / 10}s`
  const seconds = Math.round(ms / 1_000)
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60), seconds % 60]
  if (h > 0) return m > 0 ? `${h}h${m}m` : `${h}h`
  return s > 0 ? `${m}m${s}s` : `${m}m`
}

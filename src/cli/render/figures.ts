// Numbers and times as people read them.

import type { Usage } from '../../protocol/events.ts'

/** `now`, `40s`, `5m`, `3h`, `2d`, `6w`: one unit, from a span in ms. */
export function age(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / 1_000)
  if (seconds < 1) return 'now'
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h`
  if (seconds < 14 * 86_400) return `${Math.floor(seconds / 86_400)}d`
  return `${Math.floor(seconds / (7 * 86_400))}w`
}

/** `2 minutes ago` style: `5m ago`, `in 5m`, `now`. */
export function relative(at: number, now: number): string {
  const span = age(Math.abs(now - at))
  if (span === 'now') return 'now'
  return at > now ? `in ${span}` : `${span} ago`
}

/** `950`, `12.3k`, `1.2M`. */
export function short(n: number): string {
  if (n < 1_000) return String(n)
  if (n < 999_950) return `${trim(n / 1_000)}k`
  return `${trim(n / 1_000_000)}M`
}

/** `950 B`, `12.3 KB`, `1.2 GB` (powers of 1000). */
export function bytes(n: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  let value = n
  let at = 0
  while (value >= 999.95 && at < units.length - 1) {
    value /= 1_000
    at += 1
  }
  return `${at === 0 ? value : trim(value)} ${units[at]}`
}

/** `64 KiB`, `10 MiB` (powers of 1024), as limits are documented; a size just above one is not rounded to it. */
export function binaryBytes(n: number): string {
  const [unit, name] = n < 1_048_576 ? [1_024, 'KiB'] : [1_048_576, 'MiB']
  return n < 1_024 ? `${n} B` : `${trim(Math.ceil((n / unit) * 10) / 10)} ${name}`
}

/** `12.3k tokens in (10k cached), 1.2k out`. */
export function tokens(usage: Usage): string {
  const cached = usage.cacheReadTokens
  const input = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens
  return `${short(input)} tokens in${cached > 0 ? ` (${short(cached)} cached)` : ''}, ${short(usage.outputTokens)} out`
}

/** `$0.12`; four digits below a cent. */
export function dollars(usd: number): string {
  return usd > 0 && usd < 0.01 ? `$${usd.toFixed(4)}` : `$${usd.toFixed(2)}`
}

/** `1 file`, `3 files`. */
export function plural(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}

/** `2026-01-31 09:05` in the reader's zone. */
export function dateTime(at: number): string {
  const date = new Date(at)
  const two = (n: number) => String(n).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`
}

function trim(n: number): string {
  return n.toFixed(1).replace(/\.0$/, '')
}

// Numbers and times as people read them.

/** `12s`, `4m`, `2h 5m`, `3d`. */
export function span(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1_000))
  if (s < 60) return `${s}s`
  const m = Math.floor(s / 60)
  if (m < 60) return m < 10 && s % 60 > 0 ? `${m}m ${s % 60}s` : `${m}m`
  const h = Math.floor(m / 60)
  if (h < 24) return m % 60 > 0 ? `${h}h ${m % 60}m` : `${h}h`
  return `${Math.floor(h / 24)}d`
}

/** The same in one unit, for narrow places. */
export function briefSpan(ms: number): string {
  return span(ms).split(' ')[0] ?? ''
}

/** `950`, `12.4k`, `3.1M`. */
export function count(n: number): string {
  if (n < 1_000) return String(n)
  if (n < 1_000_000) return `${(n / 1_000).toFixed(n < 10_000 ? 1 : 0)}k`
  return `${(n / 1_000_000).toFixed(1)}M`
}

export function dollars(usd: number): string {
  return `$${usd < 0.1 && usd > 0 ? usd.toFixed(3) : usd.toFixed(2)}`
}

/** `512 MB`, `14 GB`. */
export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let size = n
  let unit = 0
  while (size >= 1_000 && unit < units.length - 1) {
    size /= 1_000
    unit += 1
  }
  return `${size < 10 && unit > 0 ? size.toFixed(1) : Math.round(size)} ${units[unit] ?? ''}`
}

/** `checks_failed` → `checks failed`. */
export function words(code: string): string {
  return code.replaceAll('_', ' ')
}

export function plural(n: number, one: string): string {
  return `${n.toLocaleString('en')} ${n === 1 ? one : `${one}s`}`
}

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const short = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const shortDay = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })

export function exactTime(at: number): string {
  return exact.format(at)
}

/** The hour today, else the day. */
export function shortTime(at: number, now: number): string {
  return Math.abs(now - at) < 20 * 3_600_000 ? short.format(at) : shortDay.format(at)
}

/** The reader's own time for the times that the server writes in its sentences. */
export function localTimes(sentence: string, now: number): string {
  return sentence.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, (text) => shortTime(Date.parse(text), now))
}

/** `user:ada` → `ada`. */
export function who(actor: string): string {
  return actor.replace(/^user:/, '')
}

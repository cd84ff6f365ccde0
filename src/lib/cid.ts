// Content ids: what bytes are called everywhere.

import { createHash } from 'node:crypto'

/** `sha256-` and 64 hex digits of the bytes. */
export function cidOf(bytes: string | Uint8Array): string {
  return `sha256-${createHash('sha256').update(bytes).digest('hex')}`
}

/** The content id of a JSON value: keys sorted, so that equal values have equal ids. */
export function cidOfJson(value: unknown): string {
  return cidOf(canonicalJson(value))
}

/** JSON with sorted keys and no white space. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const pairs = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${pairs.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`
}

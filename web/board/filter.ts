// What the board is narrowed to: part of the address, so that it can be kept and sent.

import type { BoardFilter } from '../data/queries.ts'

const names = ['text', 'repo', 'harness', 'pool', 'daemon', 'label', 'createdBy'] as const
export type FilterName = (typeof names)[number]
export type Filter = { readonly [N in FilterName]?: string }

/** Reads an address's query; what it does not know is left out. */
export function readFilter(search: Record<string, unknown>): Filter {
  const known = names.flatMap((name) => {
    const value = search[name]
    return (typeof value === 'string' || typeof value === 'number') && value !== ''
      ? [[name, String(value)] as const]
      : []
  })
  return Object.fromEntries(known)
}

export function asQuery(filter: Filter): BoardFilter {
  return filter
}

export function isNarrowed(filter: Filter): boolean {
  return Object.keys(filter).length > 0
}

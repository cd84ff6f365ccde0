// Drives a command's generator: takes each query it yields to the database and sends back the rows.

import type { Query, Rows, Work } from './port.ts'

/** Drives to the end without giving up the thread. A failed query is thrown into the generator, and so out of it. */
export function driveNow<T>(work: Work<T>, execute: (query: Query) => Rows): T {
  let step = work.next()
  while (!step.done) {
    let rows: Rows
    try {
      rows = execute(step.value)
    } catch (error) {
      step = work.throw(error)
      continue
    }
    step = work.next(rows)
  }
  return step.value
}

/** The same over a database that answers later. */
export async function drive<T>(work: Work<T>, execute: (query: Query) => Promise<Rows>): Promise<T> {
  let step = work.next()
  while (!step.done) {
    let rows: Rows
    try {
      rows = await execute(step.value)
    } catch (error) {
      step = work.throw(error)
      continue
    }
    step = work.next(rows)
  }
  return step.value
}

/** A value as both databases take it: no undefined, no booleans, no NUL in plain text (documents hold it escaped). */
export function bindable(value: unknown): string | number | bigint | null | Uint8Array {
  if (value === undefined || value === null) return null
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value === 'string') return value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value
  if (typeof value === 'number' || typeof value === 'bigint' || value instanceof Uint8Array) return value
  throw new Error(`a ${typeof value} cannot be a query's parameter`)
}

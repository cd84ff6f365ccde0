// What a figure is: a measurement that gives lines, each a ratio of ours to a peer or a limit, with the goal it is held to.

import type { Bench } from './bench.ts'

export interface Figure {
  /** `B1`, as PERFORMANCE and docs/performance.md call it. */
  readonly id: string
  readonly title: string
  readonly run: (bench: Bench) => Promise<readonly Line[]>
}

export type Line = Measured | Skipped

export interface Measured {
  readonly what: string
  readonly ours: Value
  readonly against: Value & { readonly name: string }
  /** ours / against. */
  readonly goal: Goal
  /** What a reader should know beside the numbers. */
  readonly note?: string
}

export interface Skipped {
  readonly what: string
  readonly skipped: string
}

export interface Value {
  readonly value: number
  readonly unit: string
}

export type Goal = { readonly atLeast: number } | { readonly atMost: number }

export function ratioOf({ ours, against }: Measured): number {
  return ours.value / against.value
}

export function passes(line: Measured): boolean {
  const ratio = ratioOf(line)
  return 'atLeast' in line.goal ? ratio >= line.goal.atLeast : ratio <= line.goal.atMost
}

/** A line of two values in one unit. */
export function compare(
  what: string,
  unit: string,
  [ours, name, theirs]: readonly [number, string, number],
  goal: Goal,
): Measured {
  return { what, ours: { value: ours, unit }, against: { name, value: theirs, unit }, goal }
}

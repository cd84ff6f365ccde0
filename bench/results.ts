// What was measured, kept between runs: each figure's last lines, so that one figure may be measured again alone.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Line } from './figure.ts'

export interface Result {
  readonly id: string
  readonly title: string
  /** When it was measured, ISO 8601. */
  readonly at: string
  /** The machine's load when it ended: others were at work too. */
  readonly load: number
  readonly lines: readonly Line[]
}

export interface Machine {
  readonly node: string
  readonly cores: number
  readonly platform: string
}

export interface Results {
  readonly machine: Machine
  readonly figures: readonly Result[]
}

export const resultsPath = join(import.meta.dirname, 'results.json')

/** The results so far with this one in the place of its older self. */
export function mergeResults(result: Result, machine: Machine): Results {
  const before = existsSync(resultsPath) ? (JSON.parse(readFileSync(resultsPath, 'utf8')) as Results).figures : [] // our own file
  return { machine, figures: [...before.filter((each) => each.id !== result.id), result] }
}

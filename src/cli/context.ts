// What every verb is given: environment, place, clock, terminal and the signal that Ctrl-C aborts.

import type { Clock } from '../core/clock.ts'
import type { Env } from '../lib/env.ts'
import type { Terminal } from './terminal.ts'

export interface Context {
  readonly env: Env
  readonly cwd: string
  /** `CAPSTAN_HOME`, else `~/.capstan`. */
  readonly home: string
  readonly version: string
  readonly clock: Clock
  readonly terminal: Terminal
  readonly json: boolean
  /** Aborted by the first Ctrl-C or SIGTERM; a second one ends the process. Never aborted for verbs that stay. */
  readonly signal: AbortSignal
}

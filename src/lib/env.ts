// The one place that reads the process's environment and where its home is.

import { homedir } from 'node:os'
import { join } from 'node:path'

export type Env = Readonly<Record<string, string | undefined>>

/** The environment as it is now. Callers pass it on as an argument. */
export function processEnv(): Env {
  return process.env
}

/** `CAPSTAN_HOME`, else `~/.capstan`. */
export function capstanHome(env: Env): string {
  return env.CAPSTAN_HOME ?? join(env.HOME ?? homedir(), '.capstan')
}

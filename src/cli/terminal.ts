// Standard output and error as a person or a script sees them: colour, width, a closed pipe.

import { systemClock } from '../lib/clock.ts'
import type { Env } from '../lib/env.ts'
import type { Style } from './render/style.ts'
import { makeStyle } from './render/style.ts'

export interface Terminal {
  /** Writes lines to standard output. */
  out(...lines: readonly string[]): void
  /** One value, one line of JSON on standard output. */
  json(value: unknown): void
  /** Bytes as they are: a patch. */
  raw(bytes: string | Uint8Array): void
  /** Writes lines to standard error. */
  note(...lines: readonly string[]): void
  /** Like note, only when standard error is a terminal: progress. */
  progress(...lines: readonly string[]): void
  readonly style: Style
  readonly errorStyle: Style
  /** Columns of standard output; 80 where it is not a terminal, so that files read well. */
  readonly width: number
  readonly isTerminal: boolean
}

/** Until a verb opens its terminal: `capstan task add --help | head -1`. */
export function guardOutput(): void {
  process.stdout.on('error', helpUnread)
}

function helpUnread(error: NodeJS.ErrnoException): void {
  closedPipe(error, false)
}

/** Opens the process's own streams. `stays`: a reader that goes away does not end the process. */
export function openTerminal(env: Env, stays: boolean): Terminal {
  const { stdout, stderr } = process
  stdout.off('error', helpUnread)
  stdout.on('error', (error: NodeJS.ErrnoException) => closedPipe(error, stays))
  stderr.on('error', () => {}) // nobody is left to tell
  return {
    out: (...lines) => void stdout.write(joined(lines)),
    json: (value) => void stdout.write(`${JSON.stringify(value)}\n`),
    raw: (bytes) => void stdout.write(bytes),
    note: (...lines) => void stderr.write(joined(lines)),
    progress: (...lines) => {
      if (stderr.isTTY) stderr.write(joined(lines))
    },
    style: makeStyle(wantsColour(env, stdout.isTTY)),
    errorStyle: makeStyle(wantsColour(env, stderr.isTTY)),
    width: stdout.isTTY ? Math.max(40, stdout.columns) : 80,
    isTerminal: stdout.isTTY === true,
  }
}

/** `FORCE_COLOR` (not 0) beats `NO_COLOR`, as in Node itself; else a terminal that is not dumb. */
export function wantsColour(env: Env, isTerminal: boolean | undefined): boolean {
  const forced = env.FORCE_COLOR
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false
  return isTerminal === true && env.TERM !== 'dumb'
}

/** `capstan task ls | head` ends quietly: the reader had enough. */
function closedPipe(error: NodeJS.ErrnoException, stays: boolean): void {
  if (error.code !== 'EPIPE') throw error
  if (!stays) process.exit(0)
}

/** Waits until what was written has left, at most a second. */
export async function flush(): Promise<void> {
  const written = new Promise<void>((resolve) => process.stdout.write('', () => resolve()))
  await Promise.race([written, systemClock.sleep(1_000)])
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}

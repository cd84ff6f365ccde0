// What a pane runs: the run's own supervisor, whose agent has a terminal of its own that is written down. Secrets travel in a file, not in argv.

import { closeSync, fchownSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunUser } from '../../lib/exec.ts'

export interface PaneInput {
  readonly runDir: string
  /** The supervisor and what it runs. */
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** For what the agent makes, as in any other run: tmux has its own since its server was started. */
  readonly umask: number
  /** Who reads it, and runs what it says; null: the daemon's own user. */
  readonly user: RunUser | null
}

/** What tmux and the pane's shell put into the environment. */
const strange = ['TMUX', 'TMUX_PANE', 'TERM_PROGRAM', 'TERM_PROGRAM_VERSION', 'COLORTERM', 'SHELL', 'HOME', 'OLDPWD']

/** The file goes as soon as it has been read: it holds the run's secrets. Gives what the pane executes. */
export function writePane({ runDir, argv, env, umask, user }: PaneInput): readonly string[] {
  const set = Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined && fits(pair[0]))
  const path = join(runDir, 'pane.sh')
  const lines = [
    `umask ${umask.toString(8).padStart(4, '0')}`,
    `unset ${strange.join(' ')}`,
    ...set.map(([name, value]) => `export ${name}=${quoted(value)}`),
    `rm -f ${quoted(path)}`,
    `exec ${argv.map(quoted).join(' ')}`,
  ]
  writeNew(path, lines, user)
  return ['/bin/sh', path]
}

export type ScriptKind = 'util-linux' | 'bsd'

/**
 * script(1) around the agent: it makes the agent's terminal and writes what that shows to `terminal.fifo`. It starts a shell of the user's
 * choice and speaks their language; both are given back to the agent.
 */
export function recorded(
  kind: ScriptKind,
  { runDir, argv, env }: Pick<PaneInput, 'runDir' | 'argv' | 'env'>,
): readonly [string, ...string[]] {
  const path = join(runDir, 'agent.sh')
  const back = (name: string) => (env[name] === undefined ? `unset ${name}` : `export ${name}=${quoted(env[name])}`)
  writeNew(path, [back('SHELL'), back('LC_ALL'), `exec ${argv.map(quoted).join(' ')}`])
  const fifo = join(runDir, 'terminal.fifo')
  const plain = ['/usr/bin/env', 'SHELL=/bin/sh', 'LC_ALL=C', 'script', '-q'] as const
  switch (kind) {
    case 'util-linux':
      return [...plain, '-e', '-f', '-a', '-c', `exec /bin/sh ${quoted(path)}`, fifo]
    case 'bsd':
      return [...plain, '-t', '0', fifo, '/bin/sh', path]
  }
}

/** Names that a shell keeps for itself, or cannot set. */
function fits(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name) && !/^(PPID|UID|EUID|GROUPS|BASHOPTS|SHELLOPTS|BASH_VERSINFO)$/.test(name)
}

/** By its descriptor from making to giving away: the user could have put something else at the path meanwhile. */
function writeNew(path: string, lines: readonly string[], user: RunUser | null = null): void {
  rmSync(path, { force: true })
  const file = openSync(path, 'wx', 0o600)
  try {
    writeFileSync(file, `${lines.join('\n')}\n`)
    if (user !== null) fchownSync(file, user.uid, user.gid)
  } finally {
    closeSync(file)
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}

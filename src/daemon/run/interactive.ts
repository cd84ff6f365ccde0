// An interactive run: the same run, whose agent has a terminal. What it does there is a person's, so its exit code alone says how it went.

import { existsSync } from 'node:fs'
import { Problem } from '../../core/problem.ts'
import type { RunUser } from '../../lib/exec.ts'
import type { Assignment } from '../../protocol/link.ts'
import type { ExitFacts, Harness, Verdict } from '../harness/port.ts'
import type { ScriptKind } from '../terminal/pane.ts'
import { recorded, writePane } from '../terminal/pane.ts'
import type { RunDeps } from './deps.ts'
import { RunRefused } from './refused.ts'

/** The adapter as it is for an interactive run: its output is a screen and says nothing. Null: the CLI has no such form. */
export function interactiveForm(harness: Harness): Harness | null {
  // What works on the parser's state goes: here there is none.
  const { interactive, answer: _answer, message: _message, cancel: _cancel, unread: _unread, ...rest } = harness
  if (interactive === undefined) return null
  return {
    ...rest,
    // Whoever is at the terminal answers what it asks.
    autonomies: ['full', 'edit', 'ask'],
    launch: (input) => {
      const { env, ...launch } = interactive(input)
      return { ...launch, env: { TERM: 'xterm-256color', ...env }, stdin: { kind: 'null' } }
    },
    initial: () => null,
    reduce: (state) => ({ state, events: [] }),
    finish: (_, exit) => verdictOf(harness.title, exit),
  }
}

/** The adapter's form for this run. Throws `RunRefused`. */
export function formOf(harness: Harness, { task }: Pick<Assignment, 'task'>): Harness {
  if (task.interactive !== true) return harness
  const form = interactiveForm(harness)
  if (form !== null) return form
  // another attempt ends the same way
  throw new RunRefused('relay_unavailable', `${harness.title} cannot be run in a terminal; leave out interactive`)
}

/** Throws `RunRefused` when this host has no terminals. */
export async function requireTerminal(deps: RunDeps, { task }: Pick<Assignment, 'task'>): Promise<void> {
  if (task.interactive !== true) return
  await kindOf(deps)
}

async function kindOf({ terminals, sandbox }: RunDeps): Promise<ScriptKind> {
  if (terminals === undefined) throw new RunRefused('harness_unavailable', 'this daemon keeps no terminals')
  if (sandbox.user !== null && setpriv === null) {
    const detail = `interactive runs as ${sandbox.user.name} need setpriv (package util-linux), which this host lacks`
    throw new RunRefused('harness_unavailable', detail)
  }
  try {
    return await terminals.require()
  } catch (error) {
    if (error instanceof Problem) throw new RunRefused('harness_unavailable', error.detail, { cause: error })
    throw error
  }
}

export interface InTerminal {
  readonly argv: readonly [string, ...string[]]
  open(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<void>
}

/** The agent's command as it runs in a terminal, and what opens that. */
export async function inTerminal(
  deps: RunDeps,
  run: {
    readonly attemptId: string
    readonly runDir: string
    readonly cwd: string
    readonly argv: readonly string[]
    readonly env: Readonly<Record<string, string | undefined>>
  },
): Promise<InTerminal> {
  const { attemptId, runDir, cwd } = run
  const kind = await kindOf(deps)
  const { user } = deps.sandbox
  return {
    argv: recorded(kind, run),
    open: async (argv, env) => {
      const pane = writePane({ runDir, argv, env, umask: process.umask(), user })
      await deps.terminals?.start(attemptId, [...becoming(user), ...pane], cwd)
    },
  }
}

/** By its place: the pane is the daemon's until here, and a root's where there is a user to become. */
const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path)) ?? null

function becoming(user: RunUser | null): readonly string[] {
  if (user === null || setpriv === null) return []
  return [setpriv, `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--']
}

function verdictOf(title: string, { code, signal }: ExitFacts): Verdict {
  const nothing = { usage: null, costUsd: null, model: null, sessionRef: null, lastText: null }
  if (code === 0) return { ...nothing, ok: true }
  const how = signal === null ? `left with exit code ${code}` : `was ended by ${signal}`
  const detail = `${title} ${how}; capstan task finish ends it as done`
  return { ...nothing, ok: false, reason: 'agent_failed', detail, class: null, resetAt: null }
}

// Runs a repository's commands in a workspace: setup before the agent, checks after it. Each ends by itself or by its timeout.

import { chownSync, closeSync, fstatSync, mkdirSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { Problem } from '../../core/problem.ts'
import type { RunUser } from '../../lib/exec.ts'
import { exec } from '../../lib/exec.ts'
import type { Check, CheckOutcome } from '../../protocol/task.ts'
import { isInside } from '../repos/registry.ts'
import { treeNow } from './capture.ts'
import type { Workspace } from './port.ts'
import { realOrNull } from './private-git.ts'

export interface CommandOptions {
  /** The whole environment of the commands. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Goes before each command: its sandbox. */
  readonly before?: readonly string[]
  readonly user?: RunUser | null
  /** For each command. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  readonly clock: Clock
  /** Of the trusted repo.toml: where in the workspace they run. */
  readonly subfolder?: string | undefined
  /** Ends what a command left running outside its process group; called after each one. */
  readonly stopTree?: () => Promise<void>
}

export interface ChecksResult {
  readonly outcomes: readonly CheckOutcome[]
  readonly passed: boolean
  readonly treeId: string
  readonly changedByChecks: boolean
}

export interface SetupResult {
  readonly passed: boolean
  /** One sentence when it failed. */
  readonly detail: string
  readonly outcomes: readonly CheckOutcome[]
}

/** Of a command's output this much is kept, from its end. */
const tailBytes = 8_192

/** Runs all checks in order, also after one failed. `treeId` is the tree before them. Rejects only when the signal aborts or git fails. */
export async function runChecks(
  workspace: Workspace,
  checks: readonly Check[],
  options: CommandOptions & { readonly treeId: string },
): Promise<ChecksResult> {
  const outcomes: CheckOutcome[] = []
  let treeId = options.treeId
  for (const check of checks) {
    const ran = await runCommand(workspace, check, options)
    treeId = await treeNow(workspace, options.signal)
    outcomes.push({ ...ran, treeId })
  }
  return {
    outcomes,
    passed: outcomes.every((outcome) => outcome.exitCode === 0),
    treeId,
    changedByChecks: outcomes.some((outcome) => outcome.treeId !== options.treeId),
  }
}

/** Checks of an untrusted repo.toml, as they are shown. */
export function skippedChecks(checks: readonly Check[], reason: string): CheckOutcome[] {
  return checks.map((check) => ({
    ...check,
    exitCode: null,
    durationMs: 0,
    treeId: null,
    outputTail: '',
    skipped: reason,
  }))
}

/** Of a failed command's output the first and the last lines stand in the sentence that says so, each cut here. */
const toldFirst = 3
const toldLast = 8
const toldColumns = 200
const toldCommand = 300

/** Runs the commands in order, all within `timeoutMs`, and stops at the first that fails. */
export async function runSetup(
  workspace: Workspace,
  commands: readonly string[],
  options: CommandOptions,
): Promise<SetupResult> {
  const outcomes: CheckOutcome[] = []
  const until = options.clock.monotonic() + options.timeoutMs
  for (const [at, command] of commands.entries()) {
    const timeoutMs = Math.max(1, Math.round(until - options.clock.monotonic()))
    const outcome = await runCommand(workspace, { name: `setup-${at + 1}`, command }, { ...options, timeoutMs })
    outcomes.push(outcome)
    if (outcome.exitCode === 0) continue
    const how =
      outcome.exitCode === null
        ? `had not ended when the ${options.timeoutMs / 1_000} s for setup were over`
        : `failed with exit code ${outcome.exitCode}`
    const told = toldOf(outcome.outputTail)
    const said = told === '' ? ' and printed nothing' : `:\n${told}`
    return { passed: false, detail: `The setup command "${command.slice(0, toldCommand)}" ${how}${said}`, outcomes }
  }
  return { passed: true, detail: '', outcomes }
}

/** Whole lines: how it began, and how it ended. */
function toldOf(output: string): string {
  const lines = output
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.trimEnd().slice(0, toldColumns))
  const left = lines.length - toldFirst - toldLast
  if (left <= 0) return lines.join('\n')
  return [...lines.slice(0, toldFirst), `(${left} lines more)`, ...lines.slice(-toldLast)].join('\n')
}

async function runCommand(workspace: Workspace, check: Check, options: CommandOptions): Promise<CheckOutcome> {
  const cwd = commandFolder(workspace, options.subfolder)
  const log = join(dirname(workspace.baseIndex), 'command.log')
  mkdirSync(dirname(log), { recursive: true, mode: 0o700 })
  const startedAt = options.clock.monotonic()
  // output goes to a file, not a pipe: a process that outlives its shell would hold the pipe open and with it the daemon
  writeFileSync(log, '', { mode: 0o600 })
  if (options.user != null) chownSync(log, options.user.uid, options.user.gid)
  const command = [...(options.before ?? []), '/bin/sh', '-c', check.command]
  const result = await exec(
    '/bin/sh',
    ['-c', 'log=$1; shift; exec "$@" >"$log" 2>&1 </dev/null', 'sh', log, ...command],
    {
      cwd,
      env: options.env,
      user: options.user,
      timeoutMs: options.timeoutMs,
      signal: options.signal,
    },
  )
  const durationMs = Math.round(options.clock.monotonic() - startedAt)
  await options.stopTree?.()
  const outputTail = tailOf(log) + (result.timedOut ? `\nended after ${options.timeoutMs / 1_000} s` : '')
  rmSync(log, { force: true })
  return {
    ...check,
    exitCode: result.timedOut ? null : (result.code ?? signalExit),
    durationMs,
    treeId: null,
    outputTail,
  }
}

/** What a shell reports for a command that KILL ended; only then is there no code of its own. */
const signalExit = 137

function commandFolder(workspace: Workspace, subfolder: string | undefined): string {
  if (subfolder === undefined) return workspace.path
  const path = realOrNull(join(workspace.path, subfolder))
  if (path !== null && isInside(workspace.path, path)) return path
  throw new Problem(
    'workspace_failed',
    `the subfolder "${subfolder}" of .capstan/repo.toml is not a folder in the workspace; correct it and commit.`,
  )
}

function tailOf(path: string): string {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const bytes = Buffer.alloc(Math.min(size, tailBytes))
    readSync(file, bytes, 0, bytes.length, size - bytes.length)
    const text = bytes.toString('utf8')
    return size > bytes.length ? text.slice(text.indexOf('\n') + 1) : text
  } finally {
    closeSync(file)
  }
}

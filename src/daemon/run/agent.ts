// The agent of a run: started under its supervisor, followed line by line, its end concluded by the adapter.

import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Tally } from '../../core/budget.ts'
import { nothingUsed } from '../../core/budget.ts'
import { Problem } from '../../core/problem.ts'
import type { Redactor } from '../../lib/redact.ts'
import { makeRedactor, redactEvent, secretsAmong } from '../../lib/redact.ts'
import type { EventBody } from '../../protocol/events.ts'
import type { Assignment } from '../../protocol/link.ts'
import { passedBy, runEnvironment } from '../harness/environment.ts'
import type { Harness, Launch, Line } from '../harness/port.ts'
import type { Offsets } from '../journal/follow.ts'
import { follow } from '../journal/follow.ts'
import type { RunHandle } from '../supervisor/run.ts'
import { confirmLost, startRun } from '../supervisor/run.ts'
import { stopTree } from '../supervisor/stop.ts'
import type { Workspace } from '../workspace/port.ts'
import type { RunDeps } from './deps.ts'
import { autonomyOf } from './prepare.ts'
import { RunRefused } from './refused.ts'

export interface AgentStart {
  readonly assignment: Assignment
  readonly workspace: Workspace
  readonly harness: Harness
  readonly runDir: string
  /** Where in the workspace the agent works. */
  readonly cwd: string
}

/** The environment of the agent, its setup and its checks. Makes the run's temporary folder. */
export function environmentOf(
  deps: RunDeps,
  start: Pick<AgentStart, 'assignment' | 'harness' | 'runDir'>,
  switches: Launch['env'],
): Record<string, string> {
  const { assignment, harness, runDir } = start
  const tmpDir = join(runDir, 'tmp')
  mkdirSync(tmpDir, { recursive: true, mode: 0o700 })
  const { requiredEnv = [], passEnv = [] } = assignment.profile?.settings ?? {}
  return runEnvironment({
    host: deps.env,
    secrets: deps.secrets(),
    harness: passedBy(harness, deps.probe()),
    profile: [...requiredEnv, ...passEnv],
    run: { runId: assignment.attemptId, taskId: assignment.task.id, attempt: assignment.n, tmpDir },
    switches,
  })
}

/** Blackens the values of every secret that reaches the run: of the secrets folder, and of the host's keys and tokens. */
export function redactorOf(deps: RunDeps, run: Pick<AgentStart, 'assignment' | 'harness' | 'runDir'>): Redactor {
  return makeRedactor(secretsAmong(environmentOf(deps, run, {}), deps.secrets()))
}

/** Starts the agent. Throws `RunRefused` when its program cannot be executed. Says what the CLI could not honour. */
export async function startAgent(
  deps: RunDeps,
  start: AgentStart,
): Promise<{ handle: RunHandle; notHonoured: readonly string[] }> {
  const { assignment, harness, runDir } = start
  mkdirSync(runDir, { recursive: true, mode: 0o700 })
  const promptFile = join(runDir, 'prompt')
  writeFileSync(promptFile, assignment.task.prompt, { mode: 0o600 })
  chmodSync(promptFile, 0o600)
  const launch = harness.launch({
    prompt: assignment.task.prompt,
    promptFile,
    cwd: start.cwd,
    model: assignment.task.model ?? assignment.profile?.settings.model ?? null,
    autonomy: autonomyOf(assignment),
    maxTurns: assignment.task.budgets.maxTurns ?? assignment.profile?.settings.maxTurns ?? null,
    sessionRef: null,
    asRoot: process.getuid?.() === 0,
    env: environmentOf(deps, start, {}),
  })
  const { runningTimeoutMs } = assignment.task
  try {
    const handle = await startRun({
      runDir,
      stateDir: deps.state.dir,
      argv: launch.argv,
      env: environmentOf(deps, start, launch.env),
      cwd: start.cwd,
      stdin: launch.stdin,
      marker: assignment.attemptId,
      deadlineAt: runningTimeoutMs === 0 ? null : deps.clock.now() + runningTimeoutMs,
      orphanAfterMs: deps.orphanAfterMs,
      graceMs: deps.graceMs,
      containment: deps.containment,
      clock: deps.clock,
    })
    const deaf =
      assignment.task.budgets.maxBashTimeouts === undefined
        ? []
        : [`maxBashTimeouts: ${harness.name} does not report commands that timed out`]
    return { handle, notHonoured: [...launch.notHonoured, ...deaf] }
  } catch (error) {
    if (error instanceof Problem) throw new RunRefused('harness_unavailable', error.detail, { cause: error })
    throw error
  }
}

/** The agent that an earlier start of the daemon began and did not record, or null. What began only half is ended and forgotten. */
export async function adoptAgent(
  deps: RunDeps,
  runDir: string,
): Promise<Awaited<ReturnType<typeof startAgent>> | null> {
  if (!existsSync(runDir)) return null
  const seen = await confirmLost(runDir, deps.clock)
  if (seen.state === 'lost') {
    if (seen.left !== null) await stopTree(seen.left, { graceMs: deps.graceMs, clock: deps.clock })
    if (seen.left !== null) rmSync(runDir, { recursive: true, force: true })
    return null
  }
  return seen.handle === null || seen.handle.pid === null ? null : { handle: seen.handle, notHonoured: [] }
}

export interface Following {
  readonly assignment: Assignment
  readonly runDir: string
  readonly harness: Harness
  /** Ends the following after the last line is read. */
  readonly ended: Promise<unknown>
  readonly signal: AbortSignal
  /** Called after each commit with what was used so far. */
  onUsed(tally: Tally): void
}

/** Follows the agent's output to its end; gives the adapter's last state. Offset, parser state and events are committed together. */
export async function followAgent(deps: RunDeps, following: Following): Promise<unknown> {
  const { assignment, harness, runDir } = following
  const { attemptId } = assignment
  const { journal, clock } = deps
  const cursor = journal.cursor(attemptId)
  const redact = redactorOf(deps, following)
  let parser = cursor?.parserState ?? harness.initial()
  let tally = nothingUsed
  const onLines = (lines: readonly Line[], offsets: Offsets) => {
    const events: EventBody[] = []
    for (const line of lines) {
      const reduced = harness.reduce(parser, line)
      parser = reduced.state
      events.push(...reduced.events.map((event) => redactEvent(event, redact)))
    }
    tally = events.reduce(used, tally)
    journal.commitLines({ attemptId, offsets, parserState: parser, events, at: clock.now() })
    if (events.length > 0) deps.poke()
    following.onUsed(tally)
  }
  await follow({
    runDir,
    offsets: cursor?.offsets ?? { stdout: 0, stderr: 0 },
    onLines,
    ended: following.ended,
    signal: following.signal,
    clock,
  })
  return parser
}

/** A usage event carries the attempt's total so far. */
function used(tally: Tally, event: EventBody): Tally {
  if (event.type !== 'usage') return tally
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = event.usage
  return {
    tokens: inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens,
    costUsd: event.costUsd ?? tally.costUsd,
  }
}

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
import type { Brief, Harness, Launch, Line, Reduced } from '../harness/port.ts'
import type { Offsets } from '../journal/follow.ts'
import { follow } from '../journal/follow.ts'
import type { RunHandle } from '../supervisor/run.ts'
import { confirmLost, startRun } from '../supervisor/run.ts'
import { stopTree } from '../supervisor/stop.ts'
import type { Workspace } from '../workspace/port.ts'
import type { RunDeps } from './deps.ts'
import { beyond, told } from './flood.ts'
import { joined } from './joined.ts'
import type { Mark } from './marks.ts'
import { fitted, keepMark, linesBetween, marksBehind } from './marks.ts'
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
  const filesDir = join(runDir, 'files')
  const launch = harness.launch({
    ...briefOf(assignment, start.cwd),
    promptFile,
    asRoot: process.getuid?.() === 0,
    env: environmentOf(deps, start, {}),
    filesDir,
  })
  writeFiles(filesDir, launch.files ?? [])
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

/** What the adapter may know of the run, at its start and whenever its output is read. */
function briefOf({ task, profile }: Assignment, cwd: string): Brief {
  return {
    prompt: task.prompt,
    cwd,
    model: task.model ?? profile?.settings.model ?? null,
    autonomy: autonomyOf({ task, profile }),
    maxTurns: task.budgets.maxTurns ?? profile?.settings.maxTurns ?? null,
    sessionRef: null,
    mcp: null,
  }
}

function writeFiles(folder: string, files: NonNullable<Launch['files']>): void {
  if (files.length === 0) return
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const { name, text } of files) writeFileSync(join(folder, name), text, { mode: 0o600 })
}

/** The agent that an earlier start of the daemon began and did not record, or null. What began only half is ended and forgotten. */
export async function adoptAgent(
  deps: RunDeps,
  runDir: string,
): Promise<Awaited<ReturnType<typeof startAgent>> | null> {
  if (!existsSync(join(runDir, 'run'))) return null
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
  /** Where in the workspace the agent works. */
  readonly cwd: string
  /** Ends the following after the last line is read. */
  readonly ended: Promise<unknown>
  readonly signal: AbortSignal
  /** True when the run is being stopped: what it printed beyond the limit is then not read to its end. */
  readonly stopped?: () => boolean
  /** Called after each commit with what was used so far. */
  onUsed(tally: Tally): void
  /** Called after each commit with what was said. */
  onEvents(events: readonly EventBody[]): void
}

/** Follows the agent's output to its end; gives the adapter's last state. Offset, parser state and events are committed together. */
export async function followAgent(deps: RunDeps, following: Following): Promise<unknown> {
  const { assignment, harness, runDir } = following
  const { attemptId } = assignment
  const { journal, clock } = deps
  const cursor = journal.cursor(attemptId)
  const redact = redactorOf(deps, following)
  const brief = briefOf(assignment, following.cwd)
  let parser = cursor?.parserState ?? harness.initial()
  let tally = nothingUsed
  let reached: Offsets = cursor?.offsets ?? { stdout: 0, stderr: 0 }
  let committedAt = reached
  let endedAt: number | null = null
  const onLines = (lines: readonly Line[], offsets: Offsets, again?: Mark) => {
    const read: EventBody[] = []
    for (const line of lines) {
      const reduced = reduceSafely(harness, { state: parser, line, brief })
      parser = reduced.state
      for (const event of reduced.events) read.push(event)
    }
    const shown = told(joined(read, harness.plain === true), reached, offsets)
    const said = shown.map((event) => redactEvent(event, redact))
    const events = again === undefined ? said : fitted(said, again.events)
    reached = offsets
    // Of a flood nothing is told: where it was read to is written down now and then.
    if (events.length === 0 && beyond(offsets) && advanced(committedAt, offsets) < rarelyBytes) return
    committedAt = offsets
    tally = events.reduce(used, tally)
    if (again === undefined) keepMark(runDir, { offsets, events: events.length })
    journal.commitLines({ attemptId, offsets, parserState: parser, events, at: clock.now() })
    if (events.length > 0) deps.poke()
    following.onUsed(tally)
    following.onEvents(events)
  }
  for (const mark of marksBehind(runDir, reached))
    onLines(linesBetween(runDir, reached, mark.offsets), mark.offsets, mark)
  await follow({
    runDir,
    offsets: reached,
    onLines: (lines, offsets) => onLines(lines, offsets),
    enough: () => {
      endedAt ??= clock.monotonic()
      const late = beyond(reached) || clock.monotonic() - endedAt > lastWordsMs
      return late && following.stopped?.() === true
    },
    ...(deps.flushMs == null ? {} : { flushMs: deps.flushMs }),
    ended: following.ended,
    signal: following.signal,
    clock,
  })
  return parser
}

/** What a stopped agent had printed is read for this long after its end, ms. */
const lastWordsMs = 3_000
/** Read again by a restarted daemon at most, when nothing came of it. */
const rarelyBytes = 8_388_608

function advanced(from: Offsets, to: Offsets): number {
  return to.stdout + to.stderr - from.stdout - from.stderr
}

/** A line that the adapter cannot take, whatever it is, must not end the following of the others. */
function reduceSafely(
  harness: Harness,
  { state, line, brief }: { readonly state: unknown; readonly line: Line; readonly brief: Brief },
): Reduced<unknown> {
  try {
    return harness.reduce(state, line, brief)
  } catch {
    return { state, events: [{ type: 'raw', stream: line.stream, line: line.text }] }
  }
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

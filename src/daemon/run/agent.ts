// The agent of a run: started under its supervisor, followed line by line, its end concluded by the adapter.

import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ApprovalRule } from '../../core/approval.ts'
import type { Tally } from '../../core/budget.ts'
import { nothingUsed } from '../../core/budget.ts'
import { Problem } from '../../core/problem.ts'
import { messageOf } from '../../lib/error-text.ts'
import type { Redactor } from '../../lib/redact.ts'
import { makeRedactor, secretsAmong } from '../../lib/redact.ts'
import type { EventBody } from '../../protocol/events.ts'
import { defaultLeaseMs } from '../../protocol/fleet.ts'
import type { Assignment } from '../../protocol/link.ts'
import { passedBy, runEnvironment } from '../harness/environment.ts'
import type { Brief, Harness, Launch } from '../harness/port.ts'
import { follow } from '../journal/follow.ts'
import { outputWords } from '../mcp/output-words.ts'
import { bridgeOf, placeOf, readableOf } from '../mcp/place.ts'
import { commandFolder } from '../mcp/programs.ts'
import { serveTools } from '../mcp/serve-tools.ts'
import type { Resumed } from '../session/resume.ts'
import { withGitConfig } from '../signing/given.ts'
import { checkProgram } from '../supervisor/program.ts'
import type { RunHandle } from '../supervisor/run.ts'
import { confirmLost, startRun } from '../supervisor/run.ts'
import { stopTree } from '../supervisor/stop.ts'
import { giveFolders } from '../workspace/give.ts'
import type { Workspace } from '../workspace/port.ts'
import { hasHostExec, layOutTools } from './beyond-box.ts'
import { boxFor, limitGroup } from './box.ts'
import type { StepDone } from './conversation.ts'
import { Conversation } from './conversation.ts'
import type { RunDeps } from './deps.ts'
import { beyond } from './flood.ts'
import type { GivenToRun } from './given.ts'
import { attachmentsIn, givenTo } from './given.ts'
import type { Inbox } from './inbox.ts'
import { inTerminal } from './interactive.ts'
import type { Held } from './own-config.ts'
import { instructionWords } from './own-config.ts'
import { portsOf } from './ports.ts'
import { autonomyOf } from './prepare.ts'
import { RunRefused } from './refused.ts'

export interface AgentStart {
  readonly assignment: Assignment
  readonly workspace: Workspace
  readonly harness: Harness
  readonly runDir: string
  /** Where in the workspace the agent works. */
  readonly cwd: string
  /** What of earlier work it starts with. */
  readonly resumed: Resumed | null
  /** What of the repository's own configuration does not count. */
  readonly held?: Held | null | undefined
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
    run: {
      runId: assignment.attemptId,
      taskId: assignment.task.id,
      attempt: assignment.n,
      tmpDir,
      ...(deps.tools === undefined ? {} : { mcp: placeOf(runDir) }),
      ...(deps.tools === undefined || !hasHostExec(deps, assignment) ? {} : { commands: commandFolder(runDir) }),
      ...((assignment.task.attachments ?? []).length === 0 ? {} : { attachments: attachmentsIn(runDir) }),
      ...(deps.authorInRuns === true ? { author: deps.author } : {}),
      ports: portsOf(deps.places.dataDir, assignment.attemptId),
    },
    switches,
  })
}

/** Blackens the values of every secret that reaches the run: of the secrets folder, and of the host's keys and tokens. */
export function redactorOf(deps: RunDeps, run: Pick<AgentStart, 'assignment' | 'harness' | 'runDir'>): Redactor {
  const forge = deps.forge == null ? {} : { 'forge token': deps.forge.token }
  return makeRedactor({ ...secretsAmong(environmentOf(deps, run, {}), deps.secrets()), ...forge })
}

/** Starts the agent. Throws `RunRefused` when its program cannot be executed. Says what the CLI could not honour. */
export async function startAgent(
  deps: RunDeps,
  start: AgentStart,
): Promise<{ handle: RunHandle; box: string | null; notHonoured: readonly string[] }> {
  const { assignment, harness, runDir } = start
  mkdirSync(runDir, { recursive: true, mode: 0o700 })
  const promptFile = join(runDir, 'prompt')
  const given = givenOf(assignment, start)
  const brief = briefOf(assignment, start, deps)
  writeFileSync(promptFile, brief.prompt, { mode: 0o600 })
  chmodSync(promptFile, 0o600)
  const filesDir = join(runDir, 'files')
  const laidOut = await layOutTools(deps, assignment, runDir)
  const launch = harness.launch({
    ...brief,
    promptFile,
    asRoot: process.getuid?.() === 0 && deps.sandbox.user === null,
    env: environmentOf(deps, start, {}),
    filesDir,
    given,
  })
  writeFiles(filesDir, launch.files ?? [])
  const { attemptId, task } = assignment
  try {
    const env = withGitConfig(environmentOf(deps, start, launch.env), laidOut.config)
    const [program] = launch.argv
    checkProgram(program, env.PATH ?? '', start.cwd)
    const box = boxFor(deps, start, {
      use: 'agent',
      env,
      program,
      readable: [promptFile, filesDir, ...given.readable, ...(deps.tools === undefined ? [] : readableOf(runDir))],
    })
    giveFolders(deps.sandbox.user, [filesDir, ...given.readable, join(runDir, 'tmp')])
    const argv: Launch['argv'] = box === null ? launch.argv : [...box.before, ...launch.argv]
    const whole = { argv, env: box === null ? env : box.env }
    const terminal =
      task.interactive === true ? await inTerminal(deps, { attemptId, runDir, cwd: start.cwd, ...whole }) : null
    const handle = await startRun({
      runDir,
      stateDir: deps.state.dir,
      argv: terminal?.argv ?? whole.argv,
      env: whole.env,
      terminal: terminal?.open ?? null,
      user: deps.sandbox.user,
      onCgroup: (place) => limitGroup(deps, assignment, place),
      cwd: start.cwd,
      stdin: launch.stdin,
      marker: assignment.attemptId,
      deadlineAt: task.runningTimeoutMs === 0 ? null : deps.clock.now() + task.runningTimeoutMs,
      orphanAfterMs: orphanMs(deps, assignment),
      graceMs: deps.graceMs,
      containment: deps.containment,
      clock: deps.clock,
    })
    return {
      handle,
      box: box?.name ?? null,
      notHonoured: [
        ...launch.notHonoured,
        ...given.notHonoured,
        ...unmeasured(assignment, harness),
        ...laidOut.problems,
        ...(box?.notices ?? []),
      ],
    }
  } catch (error) {
    if (error instanceof Problem) throw new RunRefused('harness_unavailable', error.detail, { cause: error })
    throw error
  }
}

/** Longer by as much as the run's lease is longer than the usual one: a host that is away may come back so much later. */
export function orphanMs(
  { orphanAfterMs, leaseTtlMs, serverLeaseMs }: Pick<RunDeps, 'orphanAfterMs' | 'leaseTtlMs' | 'serverLeaseMs'>,
  { profile }: Pick<Assignment, 'profile'>,
): number {
  const leaseMs = profile?.settings.leaseTtlMs ?? leaseTtlMs ?? serverLeaseMs?.() ?? defaultLeaseMs
  return orphanAfterMs + Math.max(0, leaseMs - defaultLeaseMs)
}

/** Budgets that cannot be held, because nobody tells how much of them is used, and a workspace that the profile would not have chosen. */
export function unmeasured({ task, profile }: Assignment, { name }: Pick<Harness, 'name'>): readonly string[] {
  const { maxTokens, maxCostUsd } = task.budgets
  const maxBashTimeouts = task.budgets.maxBashTimeouts ?? profile?.settings.maxBashTimeouts
  const blind = task.interactive === true && (maxTokens ?? maxCostUsd) !== undefined
  const modes = profile?.settings.workspaceModes
  const { mode } = task.workspace
  const other =
    modes === undefined || modes.includes(mode) ? null : `its mode ${mode} was chosen before the profile was`
  return [
    ...(other === null ? [] : [`workspaceModes ${modes?.join(', ')}: ${other}`]),
    ...(maxBashTimeouts === undefined ? [] : [`maxBashTimeouts: ${name} does not report commands that timed out`]),
    ...(blind ? ['maxTokens and maxCostUsd: what an agent in a terminal uses is not known'] : []),
  ]
}

/** What the adapter may know of the run, at its start and whenever its output is read. */
type Briefed = Pick<AgentStart, 'cwd' | 'runDir' | 'harness'> & {
  readonly resumed?: Resumed | null
  readonly held?: Held | null | undefined
}

function briefOf(assignment: Assignment, run: Briefed, { tools, prices }: Pick<RunDeps, 'tools' | 'prices'>): Brief {
  const { task, profile } = assignment
  const { cwd, runDir, resumed, held } = run
  return {
    prompt: promptOf(assignment, run, tools !== undefined),
    cwd,
    model: task.model ?? profile?.settings.model ?? null,
    autonomy: autonomyOf({ task, profile }),
    maxTurns: task.budgets.maxTurns ?? profile?.settings.maxTurns ?? null,
    sessionRef: resumed?.sessionRef ?? null,
    trusted: held == null,
    mcp: tools === undefined ? null : bridgeOf(runDir),
    prices,
  }
}

/** What the agent is told, in one text. A script is run as it was written: a word before it would be a command. */
export function promptOf(assignment: Assignment, run: Briefed, hasTools: boolean): string {
  const { task } = assignment
  const { harness, resumed, held } = run
  if (harness.explicit) return task.prompt
  const { before, after } = givenOf(assignment, run)
  const asked = `${before}${resumed?.preface ?? ''}${task.prompt}${instructionWords(held)}${after}`
  return `${asked}${hasTools ? outputWords(task, harness) : ''}`
}

function givenOf(assignment: Assignment, { harness, runDir, resumed }: Briefed): GivenToRun {
  return givenTo(assignment, { harness, runDir, resumes: (resumed?.sessionRef ?? null) !== null })
}

function writeFiles(folder: string, files: NonNullable<Launch['files']>): void {
  for (const { name, text } of files) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileSync(path, text, { mode: 0o600 })
  }
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
  return seen.handle === null || seen.handle.pid === null ? null : { handle: seen.handle, box: null, notHonoured: [] }
}

export interface Following {
  readonly assignment: Assignment
  readonly runDir: string
  readonly harness: Harness
  /** For programs that are started on the host; null: none is. */
  readonly workspace: Workspace | null
  /** Where in the workspace the agent works. */
  readonly cwd: string
  /** What of earlier work it began with. */
  readonly resumed?: Resumed | null
  /** As it was started with. */
  readonly held?: Held | null | undefined
  /** Ends the following after the last line is read. */
  readonly ended: Promise<unknown>
  readonly signal: AbortSignal
  /** True when the run is being stopped: what it printed beyond the limit is then not read to its end. */
  readonly stopped?: () => boolean
  /** Aborts when the run is stopped, or let go. */
  readonly interrupt?: AbortSignal
  /** Called after each commit with what was used so far. */
  onUsed(tally: Tally): void
  /** Called after each commit with what was said. */
  onEvents(events: readonly EventBody[]): void
  /** Called after each commit: whether requests wait for a person, and whether the agent said its last word. */
  readonly onTalk?: (talk: Omit<StepDone, 'events'>) => void
  /** What people send it; without one it gets nothing. */
  readonly inbox?: Inbox
  /** Commands that need nobody's leave. */
  readonly rules?: readonly ApprovalRule[]
  /** Whom the host's owner lets answer; null: whoever the server lets. */
  readonly approvers?: readonly string[] | null
  /** How much of its standard input the agent was started with, bytes; null: not known. */
  readonly inputBase?: number | null
}

/**
 * Follows the agent's output to its end and hands it what people send; gives the adapter's last state. Offset, parser state, events, words
 * for the agent and requests are committed together.
 */
export async function followAgent(deps: RunDeps, following: Following): Promise<unknown> {
  const { assignment, harness, runDir } = following
  let tally = nothingUsed
  const redact = redactorOf(deps, following)
  const brief = briefOf(assignment, following, deps)
  const talk = new Conversation(deps, {
    assignment,
    runDir,
    harness,
    brief,
    redact,
    rules: following.rules ?? [],
    approvers: following.approvers ?? null,
    inputBase: following.inputBase ?? null,
    onStep: ({ events, standing, done }) => {
      tally = events.reduce(used, tally)
      following.onUsed(tally)
      following.onEvents(events)
      following.onTalk?.({ standing, done })
    },
    onOwnAnswer: (call) => tools.answered(call),
  })
  const { cwd, workspace } = following
  const tools = serveTools(deps, { assignment, runDir, cwd, workspace, redact, own: (step) => talk.own(step) })
  talk.recover()
  const cancel = () => {
    const reduced = following.stopped?.() === true ? harness.cancel?.(talk.parser, brief) : undefined
    if (reduced?.send === undefined) return
    try {
      talk.own({ reduced })
    } catch (error) {
      // its processes are ended all the same
      deps.log.warn({ attemptId: assignment.attemptId, error: messageOf(error) }, 'agent not told to end its turn')
    }
  }
  following.interrupt?.addEventListener('abort', cancel, { once: true })
  if (following.interrupt?.aborted === true) cancel()
  try {
    const signal = AbortSignal.any([following.signal, tools.broken])
    await tools.open()
    await readAndHear(deps, { ...following, signal }, talk)
    tools.broken.throwIfAborted()
  } finally {
    following.interrupt?.removeEventListener('abort', cancel)
    await tools.close()
  }
  talk.end()
  return talk.parser
}

/** Reads to the end while what people send is taken; what goes wrong with the one ends the other. */
async function readAndHear(deps: RunDeps, following: Following, talk: Conversation): Promise<void> {
  const { runDir, inbox } = following
  const { clock } = deps
  const over = new AbortController()
  const broken = new AbortController()
  const hearing = (inbox?.serve((given) => talk.take(given), over.signal) ?? Promise.resolve()).catch((error) =>
    broken.abort(error),
  )
  let endedAt: number | null = null
  try {
    await follow({
      runDir,
      offsets: talk.reached,
      onLines: (lines, offsets) => talk.lines(lines, offsets),
      enough: () => {
        endedAt ??= clock.monotonic()
        const late = beyond(talk.reached) || clock.monotonic() - endedAt > lastWordsMs
        return late && following.stopped?.() === true
      },
      ...(deps.flushMs == null ? {} : { flushMs: deps.flushMs }),
      ended: following.ended,
      signal: AbortSignal.any([following.signal, broken.signal]),
      clock,
    })
  } finally {
    over.abort()
    await hearing
  }
  broken.signal.throwIfAborted()
}

/** What a stopped agent had printed is read for this long after its end, ms. */
const lastWordsMs = 3_000
/** A usage event carries the attempt's total so far. */
function used(tally: Tally, event: EventBody): Tally {
  if (event.type !== 'usage') return tally
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = event.usage
  return {
    tokens: inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens,
    costUsd: event.costUsd ?? tally.costUsd,
  }
}

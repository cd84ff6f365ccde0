// One attempt from claim to report. Each step is journalled before the next begins; a restarted daemon goes on at the step it finds.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { overBudget } from '../../core/budget.ts'
import { messageOf } from '../../lib/error-text.ts'
import { makeRedactor, redactEvent } from '../../lib/redact.ts'
import type { FromDaemonBody, RunReport } from '../../protocol/link.ts'
import type { Harness } from '../harness/port.ts'
import { findHarness } from '../harness/registry.ts'
import type { ReportKind } from '../journal/outbox-rows.ts'
import type { RunHandle } from '../supervisor/run.ts'
import { touchRun } from '../supervisor/run.ts'
import { stopTree } from '../supervisor/stop.ts'
import { runSetup } from '../workspace/checks.ts'
import { releaseShared } from '../workspace/hold.ts'
import type { Workspace } from '../workspace/port.ts'
import { environmentOf, followAgent, startAgent } from './agent.ts'
import type { RunDeps } from './deps.ts'
import type { Exit } from './ending.ts'
import { awaitExit, concludeEnd } from './ending.ts'
import { commandOptions, finishRun, subfolderOf } from './finish.ts'
import { prepareRun } from './prepare.ts'
import { RunRefused } from './refused.ts'
import { reportOf, salvageOf } from './report.ts'
import type { Ending, RunFailure, RunState } from './state.ts'
import { endedBy, failure } from './state.ts'

/** Why the daemon itself ends an agent. `lost`: another owner has the task; what was made is salvaged. */
/** The kinds of a last report. */
export type Said = 'result' | 'fail' | 'abort' | 'salvage'

export type StopCause = 'cancelled' | 'aborted' | 'lost' | 'over_budget'

/** What an agent left behind gets less time than an agent that is stopped at work, ms. */
const leftoverGraceMs = 2_000

export class Run {
  readonly #deps: RunDeps
  readonly #interrupt = new AbortController()
  readonly #runDir: string
  #state: RunState
  #stopping: { readonly cause: StopCause; readonly failure: RunFailure } | null = null
  #done: Promise<void> | null = null
  #left = false
  #said: Said | null = null

  constructor(deps: RunDeps, state: RunState) {
    this.#deps = deps
    this.#state = state
    this.#runDir = join(deps.state.runs, state.assignment.attemptId)
  }

  get attemptId(): string {
    return this.#state.assignment.attemptId
  }

  get taskId(): string {
    return this.#state.assignment.task.id
  }

  /** What its last report is, once that is in the outbox. */
  get reported(): Said | null {
    return this.#state.step === 'reported' ? (this.#said ?? 'result') : null
  }

  /** Ends the agent without grace; after `stop`. */
  kill(): void {
    const { handle } = this.#state
    if (handle !== null)
      void stopTree(handle, { graceMs: 0, clock: this.#deps.clock }).catch((error) =>
        this.#wrong(error, 'tree not killed'),
      )
  }

  /** What the heartbeat says of it. */
  report(): RunReport {
    const { assignment, step, harness, harnessVersion, handle, ending } = this.#state
    const phase = step === 'claimed' || step === 'prepared' ? 'preparing' : step === 'started' ? 'running' : 'finishing'
    return {
      attemptId: assignment.attemptId,
      epoch: assignment.epoch,
      phase,
      harness,
      harnessVersion,
      model: ending?.model ?? assignment.task.model,
      containment: handle?.containment ?? null,
    }
  }

  /** Runs, or goes on, to the final report in the outbox. Never rejects: what goes wrong is the report. */
  go(): Promise<void> {
    this.#done ??= this.#drive()
    return this.#done
  }

  /** Ends the agent and its tree; the run goes on to capture and report. */
  stop(cause: StopCause, detail: string): void {
    if (this.#stopping !== null || this.#state.step === 'reported') return
    this.#stopping = { cause, failure: stopFailure(cause, detail) }
    this.#interrupt.abort()
  }

  /** Lets go of the run without touching its agent: the daemon leaves, another start goes on. */
  leave(): void {
    this.#left = true
    this.#interrupt.abort()
  }

  /** Tells the supervisor that its daemon lives. */
  touch(now: number): void {
    if (this.#state.step === 'started') touchRun(this.#runDir, now)
  }

  async #drive(): Promise<void> {
    try {
      await this.#steps()
    } catch (error) {
      if (this.#left) return
      this.#deps.log.error({ attemptId: this.attemptId, error: messageOf(error) }, 'run failed in the daemon')
      this.#end(endedBy(failureOf(error), this.#deps.clock.now()))
      this.#report()
    }
  }

  async #steps(): Promise<void> {
    try {
      if (this.#state.step === 'claimed') await this.#prepare()
      if (this.#state.step === 'prepared') await this.#start()
      if (this.#state.step === 'started') await this.#follow()
    } catch (error) {
      if (this.#left) throw error
      await this.#giveUp(error)
    }
    if (this.#left) return
    if (this.#state.step === 'ended') await this.#capture()
    if (this.#state.step === 'captured') this.#report()
  }

  async #prepare(): Promise<void> {
    const { assignment } = this.#state
    const { workspace, harness, harnessVersion, repoFile } = await prepareRun(
      this.#deps,
      assignment,
      this.#interrupt.signal,
    )
    this.#save({ step: 'prepared', workspace, harness: harness.name, harnessVersion, repoFile })
    this.#notice([...workspace.notices, ...(repoFile?.skipped == null ? [] : [repoFile.skipped])])
  }

  async #start(): Promise<void> {
    const { assignment } = this.#state
    const [workspace, harness] = this.#prepared()
    const subfolder = subfolderOf(this.#state)
    const cwd = subfolder === null ? workspace.path : join(workspace.path, subfolder)
    await this.#setup(workspace, harness)
    this.#interrupt.signal.throwIfAborted()
    const { handle, notHonoured } = await startAgent(this.#deps, {
      assignment,
      workspace,
      harness,
      runDir: this.#runDir,
      cwd,
    })
    this.#save({ step: 'started', handle })
    this.#notice(notHonoured.map((each) => `not honoured: ${each}`))
    this.#deps.changed()
  }

  async #setup(workspace: Workspace, harness: Harness): Promise<void> {
    const { repoFile, assignment } = this.#state
    if (repoFile === null || repoFile.skipped !== null || repoFile.file.setup.length === 0) return
    const env = environmentOf(this.#deps, { assignment, harness, runDir: this.#runDir }, {})
    const options = commandOptions(this.#deps, this.#state, {
      env,
      timeoutMs: assignment.task.setupTimeoutMs,
      signal: this.#interrupt.signal,
    })
    const { passed, detail, outcomes } = await runSetup(workspace, repoFile.file.setup, options)
    this.#notice(
      outcomes.map((each) => `setup: ${each.command}: exit ${each.exitCode ?? 'none'}\n${each.outputTail}`.trim()),
    )
    if (!passed) throw new RunRefused('setup_failed', detail)
  }

  async #follow(): Promise<void> {
    const { handle, assignment } = this.#state
    const [, harness] = this.#prepared()
    if (handle === null) throw new Error(`${this.attemptId} has no supervisor`)
    const leaving = new AbortController()
    const stop = () =>
      this.#left
        ? leaving.abort()
        : void this.#stopAgent().catch((error) =>
            this.#deps.log.error({ attemptId: this.attemptId, error: messageOf(error) }, 'tree not stopped'),
          )
    this.#interrupt.signal.addEventListener('abort', stop, { once: true })
    if (this.#interrupt.signal.aborted) stop()
    const exit = this.#gone(handle, leaving.signal)
    exit.catch(() => {}) // awaited below; it must not be unhandled while the output is followed
    const parser = await followAgent(this.#deps, {
      assignment,
      runDir: this.#runDir,
      harness,
      ended: exit,
      signal: leaving.signal,
      onUsed: (tally) => {
        const over = overBudget(assignment.task.budgets, tally)
        if (over === null || this.#stopping !== null) return
        this.#stopping = { cause: 'over_budget', failure: failure(over.reason, over.detail) }
        this.#interrupt.abort()
      },
    })
    const ended = await exit
    const ending = concludeEnd({
      harness,
      parser,
      ended,
      stopping: this.#stopping?.failure ?? null,
      timeoutMs: assignment.task.runningTimeoutMs,
    })
    this.#end(ending)
  }

  /** The agent's end, and then that of whatever it left running. */
  async #gone(handle: RunHandle, signal: AbortSignal): Promise<Exit> {
    const { clock, graceMs } = this.#deps
    const ended = await awaitExit(this.#runDir, clock, signal)
    const { survivors } = await stopTree(handle, { graceMs: Math.min(graceMs, leftoverGraceMs), clock })
    if (survivors.length > 0) this.#notice([`processes ${survivors.join(', ')} of this run could not be ended`])
    return ended
  }

  async #stopAgent(): Promise<void> {
    const { handle } = this.#state
    if (handle !== null) await stopTree(handle, { graceMs: this.#deps.graceMs, clock: this.#deps.clock })
  }

  /** Preparing or following failed, or was interrupted: the end is the daemon's to say. */
  async #giveUp(error: unknown): Promise<void> {
    await this.#stopAgent()
    const why = this.#stopping?.failure ?? failureOf(error)
    this.#deps.log.info({ attemptId: this.attemptId, reason: why.reason, detail: why.detail }, 'run ended early')
    this.#end(endedBy(why, this.#deps.clock.now()))
  }

  async #capture(): Promise<void> {
    const { workspace } = this.#state
    if (workspace === null) {
      this.#save({ step: 'captured' })
      return
    }
    this.#deps.changed()
    const [, harness] = this.#prepared()
    const {
      evidence,
      withheld,
      notices,
      failure: found,
    } = await finishRun(
      this.#deps,
      { state: this.#state, workspace, harness, runDir: this.#runDir },
      this.#interrupt.signal,
    )
    if (this.#left) return
    this.#notice(notices)
    const why = this.#stopping?.failure ?? this.#state.ending?.failure ?? found
    const ending = this.#state.ending === null ? null : { ...this.#state.ending, failure: why }
    this.#save({ step: 'captured', evidence, withheld, ending })
  }

  #report(): void {
    const { journal } = this.#deps
    journal.transaction(() => {
      this.#enqueue()
      this.#save({ step: 'reported' })
    })
    if (this.#state.workspace?.mode === 'shared') releaseShared(this.#state.workspace)
    rmSync(join(this.#runDir, 'tmp'), { recursive: true, force: true })
    this.#deps.changed()
    this.#deps.poke()
  }

  #enqueue(): void {
    const { journal, clock, secrets } = this.#deps
    const redact = makeRedactor(secrets())
    const add = <K extends ReportKind>({ kind, body }: { readonly kind: K; readonly body: FromDaemonBody<K> }) =>
      journal.outbox.add(this.attemptId, kind, redactEvent(body, redact), clock.now())
    const report =
      this.#stopping?.cause === 'lost' ? salvageOf(this.#state, this.#stopping.failure.detail) : reportOf(this.#state)
    this.#said = report.kind
    add(report)
  }

  #prepared(): [Workspace, Harness] {
    const { workspace, harness } = this.#state
    const known = harness === null ? null : findHarness(this.#deps.harnesses, harness)
    if (workspace === null || known === null)
      throw new RunRefused('harness_unavailable', `the harness ${harness} is no longer known on this host`)
    return [workspace, known]
  }

  #notice(messages: readonly string[]): void {
    if (messages.length === 0) return
    this.#deps.journal.appendEvents(
      this.attemptId,
      messages.map((message) => ({ type: 'notice', message })),
      this.#deps.clock.now(),
    )
    this.#deps.poke()
  }

  #end(ending: Ending): void {
    this.#save({ step: 'ended', ending })
  }

  #wrong(error: unknown, what: string): void {
    this.#deps.log.error({ attemptId: this.attemptId, error: messageOf(error) }, what)
  }

  #save(change: Partial<RunState>): void {
    this.#state = { ...this.#state, ...change }
    const { assignment, step } = this.#state
    this.#deps.journal.saveRun({
      attemptId: assignment.attemptId,
      taskId: assignment.task.id,
      epoch: assignment.epoch,
      n: assignment.n,
      step,
      data: this.#state,
    })
  }
}

function stopFailure(cause: StopCause, detail: string): RunFailure {
  if (cause === 'cancelled') return failure('cancelled', detail)
  return failure('daemon_abort', detail)
}

function failureOf(error: unknown): RunFailure {
  if (error instanceof RunRefused) return failure(error.reason, error.message)
  return failure('daemon_abort', `the daemon failed: ${messageOf(error)}`)
}

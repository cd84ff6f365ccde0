// One attempt from claim to report. Each step is journalled before the next begins; a restarted daemon goes on at the step it finds.

import { join } from 'node:path'
import type { Tally } from '../../core/budget.ts'
import { overBudget } from '../../core/budget.ts'
import type { BackoffRange } from '../../lib/backoff.ts'
import { fullJitter } from '../../lib/backoff.ts'
import { messageOf } from '../../lib/error-text.ts'
import { isStorageTrouble } from '../../lib/storage-trouble.ts'
import type { EventBody } from '../../protocol/events.ts'
import type { RunReport } from '../../protocol/link.ts'
import type { RunHandle } from '../supervisor/run.ts'
import { pokePump, shiftDeadline, touchRun } from '../supervisor/run.ts'
import { stopTree } from '../supervisor/stop.ts'
import { treeNow } from '../workspace/capture.ts'
import { runSetup } from '../workspace/checks.ts'
import { adoptAgent, environmentOf, followAgent, startAgent } from './agent.ts'
import type { Checkpointing } from './checkpoints.ts'
import { keepCheckpoints } from './checkpoints.ts'
import type { RunDeps } from './deps.ts'
import type { Exit } from './ending.ts'
import { awaitExit, concludeEnd } from './ending.ts'
import { commandOptions, endCommands, finishRun, subfolderOf } from './finish.ts'
import { prepareRun } from './prepare.ts'
import type { Said } from './record.ts'
import { RunRecord } from './record.ts'
import { RunRefused } from './refused.ts'
import { endOfStall, StallWatch } from './stall.ts'
import type { RunFailure, RunState, Step } from './state.ts'
import { endedBy, failure } from './state.ts'

/** Why the daemon itself ends an agent. `lost`: another owner has the task; what was made is salvaged. */
export type StopCause = 'cancelled' | 'aborted' | 'lost' | 'over_budget' | 'stalled'

/** What an agent left behind gets less time than an agent that is stopped at work, ms. */
const leftoverGraceMs = 2_000
/** A disk that is full is looked at again after this. */
const diskTrouble: BackoffRange = { firstMs: 500, maxMs: 15_000 }

export class Run {
  readonly #deps: RunDeps
  readonly #record: RunRecord
  /** Where this start of the daemon took the run up. */
  readonly #foundAt: Step
  readonly #interrupt = new AbortController()
  #stopping: { readonly cause: StopCause; readonly failure: RunFailure } | null = null
  readonly #leaving = new AbortController()
  #left = false
  #checkpoints: Checkpointing | null = null
  #done: Promise<void> | null = null

  constructor(deps: RunDeps, state: RunState) {
    this.#deps = deps
    this.#record = new RunRecord(deps, state)
    this.#foundAt = state.step
  }

  get attemptId(): string {
    return this.#record.attemptId
  }

  /** What its last report is, once that is in the outbox. */
  get said(): Said | null {
    return this.#record.said
  }

  /** What the heartbeat says of it. */
  summary(): RunReport {
    return this.#record.summary()
  }

  /** Runs, or goes on, to the final report in the outbox. Never rejects: what goes wrong is the report. */
  go(): Promise<void> {
    this.#done ??= this.#drive()
    return this.#done
  }

  /** Ends the agent and its tree; the run goes on to capture and report. */
  stop(cause: Exclude<StopCause, 'over_budget' | 'stalled'>, detail: string): void {
    this.#halt(cause, failure(cause === 'cancelled' ? 'cancelled' : 'daemon_abort', detail))
  }

  /** Ends the agent without grace; after `stop`. */
  kill(): void {
    this.#stopAgent(0).catch((error) => this.#wrong(error, 'tree not killed'))
  }

  /** Lets go of the run without touching its agent: the daemon leaves, another start goes on. */
  leave(): void {
    this.#left = true
    this.#leaving.abort()
    this.#interrupt.abort()
  }

  /** Tells the supervisor that its daemon lives. */
  touch(now: number): void {
    if (this.#record.state.step === 'started') touchRun(this.#record.runDir, now)
  }

  /** The time of day jumped by so much: the agent's time did not. */
  shift(jumpedMs: number): void {
    if (this.#record.state.step === 'started') shiftDeadline(this.#record.runDir, jumpedMs)
  }

  /** Keeps what the agent has made so far; nothing happens when none is at work. Never rejects. */
  async checkpoint(): Promise<void> {
    await this.#checkpoints?.now()
  }

  #halt(cause: StopCause, why: RunFailure): void {
    if (this.#stopping !== null || this.#record.said !== null) return
    this.#stopping = { cause, failure: why }
    this.#interrupt.abort()
  }

  async #drive(): Promise<void> {
    for (let failures = 0; !this.#left; failures += 1) {
      try {
        await this.#stepsOrFail()
        return
      } catch (error) {
        if (this.#left) return
        // Nothing was written, so the journal says where the run stands: it goes on from there once the disk allows.
        if (!isStorageTrouble(error)) return this.#wrong(error, 'run failed in the daemon and could not say so')
        this.#wrong(error, 'run waits for the disk')
        await this.#deps.clock.sleep(fullJitter(failures, diskTrouble) + 100, this.#leaving.signal).catch(() => {}) // leaving
      }
    }
  }

  /** Throws only what keeps it from writing down how the run ended. */
  async #stepsOrFail(): Promise<void> {
    try {
      await this.#steps()
    } catch (error) {
      if (this.#left || isStorageTrouble(error)) throw error
      this.#wrong(error, 'run failed in the daemon')
      this.#record.save({ step: 'ended', ending: endedBy(failureOf(error), this.#deps.clock.now()) })
      this.#report()
    }
  }

  async #steps(): Promise<void> {
    const record = this.#record
    try {
      if (record.state.step === 'claimed') await this.#prepare()
      if (record.state.step === 'prepared') await this.#start()
      if (record.state.step === 'started') await this.#follow()
    } catch (error) {
      if (this.#left) return
      if (isStorageTrouble(error)) throw error
      await this.#giveUp(error)
    }
    if (record.state.step === 'ended' && !this.#left) await this.#finish()
    if (record.state.step === 'captured' && !this.#left) this.#report()
  }

  async #prepare(): Promise<void> {
    const prepared = await prepareRun(this.#deps, this.#record.state.assignment, this.#interrupt.signal)
    const { workspace, harness, harnessVersion, repoFile } = prepared
    this.#record.save({ step: 'prepared', workspace, harness: harness.name, harnessVersion, repoFile })
    this.#record.notice([...workspace.notices, ...(repoFile?.skipped == null ? [] : [repoFile.skipped])])
  }

  async #start(): Promise<void> {
    const { runDir, state } = this.#record
    const { workspace, harness } = this.#record.prepared()
    // A daemon that died between the start and its record left a running agent: two would work in one workspace.
    const adopted = await adoptAgent(this.#deps, runDir)
    if (adopted === null) await this.#prepareFiles()
    this.#interrupt.signal.throwIfAborted()
    const start = { assignment: state.assignment, workspace, harness, runDir, cwd: this.#cwd() }
    const { handle, notHonoured } = adopted ?? (await startAgent(this.#deps, start))
    this.#record.save({ step: 'started', handle })
    this.#record.notice(notHonoured.map((each) => `not honoured: ${each}`))
    this.#deps.changed()
  }

  /** Where in the workspace the agent works. */
  #cwd(): string {
    const { path } = this.#record.prepared().workspace
    const subfolder = subfolderOf(this.#record.state)
    return subfolder === null ? path : join(path, subfolder)
  }

  /** Setup, alone in the workspace, and a look at what it left: that is not the agent's change. */
  async #prepareFiles(): Promise<void> {
    if (this.#foundAt === 'prepared') await endCommands(this.#deps, this.#record.state) // of a daemon that was killed
    if (!(await this.#setup())) return
    const { workspace } = this.#record.prepared()
    const baseTree = await treeNow(workspace, this.#interrupt.signal)
    if (baseTree === workspace.baseTree) return
    this.#record.save({ workspace: { ...workspace, baseTree } })
    this.#record.notice(["setup left files that git does not ignore; they do not count as the agent's change"])
  }

  /** False when there is none to run. */
  async #setup(): Promise<boolean> {
    const { state, runDir } = this.#record
    const { repoFile, assignment } = state
    if (repoFile === null || repoFile.skipped !== null || repoFile.file.setup.length === 0) return false
    const { workspace, harness } = this.#record.prepared()
    const env = environmentOf(this.#deps, { assignment, harness, runDir }, {})
    const bounds = { timeoutMs: assignment.task.setupTimeoutMs, signal: this.#interrupt.signal }
    const options = commandOptions(this.#deps, state, { env, ...bounds })
    const { passed, detail, outcomes } = await runSetup(workspace, repoFile.file.setup, options)
    this.#record.notice(
      outcomes.map((each) => `setup: ${each.command}: exit ${each.exitCode ?? 'none'}\n${each.outputTail}`.trim()),
    )
    if (!passed) throw new RunRefused('setup_failed', detail)
    return true
  }

  async #follow(): Promise<void> {
    const { runDir, state } = this.#record
    const { handle, assignment } = state
    const { harness, workspace } = this.#record.prepared()
    if (handle === null) throw new Error(`${this.attemptId} has no supervisor`)
    await pokePump(runDir) // the daemon that appended to its input last may have died before it said so
    const leaving = this.#onInterrupt()
    const ended = this.#gone(handle, leaving)
    ended.catch(() => {}) // awaited below; it must not be unhandled while the output is followed
    if (state.followSeq === null) this.#record.save({ followSeq: this.#deps.journal.cursor(this.attemptId).nextSeq })
    const onUsed = (tally: Tally) => {
      const over = overBudget(assignment.task.budgets, tally)
      if (over !== null) this.#halt('over_budget', failure(over.reason, over.detail))
    }
    const checkpoints = keepCheckpoints(this.#deps, { assignment, workspace })
    this.#checkpoints = checkpoints
    const stopped = () => this.#stopping !== null
    const told = { onUsed, onEvents: this.#watchStalls(ended), stopped }
    const following = followAgent(this.#deps, {
      assignment,
      runDir,
      harness,
      cwd: this.#cwd(),
      ended,
      signal: leaving,
      ...told,
    })
    const [parser, exit] = await Promise.all([following, ended]).finally(() => {
      this.#checkpoints = null
      return checkpoints.stop()
    })
    if (state.replayOf !== null) return this.#record.save({ step: state.replayOf, replayOf: null })
    const stopping = this.#stopping?.failure ?? null
    const timeoutMs = assignment.task.runningTimeoutMs
    this.#record.save({ step: 'ended', ending: concludeEnd({ harness, parser, ended: exit, stopping, timeoutMs }) })
  }

  /** Ends a silent agent as its task asks. Gives what is to be told of its events. */
  #watchStalls(ended: Promise<unknown>): (events: readonly EventBody[]) => void {
    const { assignment } = this.#record.state
    const end = endOfStall(assignment)
    if (end === null) return () => {}
    const over = new AbortController()
    ended.then(
      () => over.abort(),
      () => over.abort(),
    )
    const watch = new StallWatch(this.#deps.clock, assignment.task.stallTimeoutMs)
    watch.stalled(over.signal).then(
      () => this.#halt('stalled', end),
      () => {}, // it ended
    )
    return (events) => watch.heard(events)
  }

  /** While the agent runs an interrupt means: stop its tree and see it end, or only let go. The signal is for letting go. */
  #onInterrupt(): AbortSignal {
    const leaving = new AbortController()
    const { signal } = this.#interrupt
    const act = () => {
      if (this.#left) leaving.abort()
      else this.#stopAgent(this.#deps.graceMs).catch((error) => this.#wrong(error, 'tree not stopped'))
    }
    if (signal.aborted) act()
    else signal.addEventListener('abort', act, { once: true })
    return leaving.signal
  }

  /** The agent's end, and then that of whatever it left running. */
  async #gone(handle: RunHandle, signal: AbortSignal): Promise<Exit> {
    const { clock, graceMs } = this.#deps
    const exit = await awaitExit(this.#record.runDir, clock, signal)
    const { survivors } = await stopTree(handle, { graceMs: Math.min(graceMs, leftoverGraceMs), clock })
    if (survivors.length > 0) this.#record.notice([`processes ${survivors.join(', ')} of this run could not be ended`])
    return exit
  }

  async #stopAgent(graceMs: number): Promise<void> {
    const { handle } = this.#record.state
    if (handle !== null) await stopTree(handle, { graceMs, clock: this.#deps.clock })
  }

  /** Preparing or following failed, or was interrupted: the end is the daemon's to say. */
  async #giveUp(error: unknown): Promise<void> {
    await this.#stopAgent(this.#deps.graceMs)
    const why = this.#stopping?.failure ?? failureOf(error)
    this.#deps.log.info({ attemptId: this.attemptId, reason: why.reason, detail: why.detail }, 'run ended early')
    this.#record.save({ step: 'ended', ending: endedBy(why, this.#deps.clock.now()) })
  }

  async #finish(): Promise<void> {
    const { state, runDir } = this.#record
    this.#deps.changed()
    if (state.workspace === null) {
      this.#record.save({ step: 'captured' })
      return
    }
    if (this.#foundAt === 'ended') await endCommands(this.#deps, state) // checks of a daemon that was killed
    const finished = await finishRun(this.#deps, { state, ...this.#record.prepared(), runDir }, this.#interrupt.signal)
    if (this.#left) return
    this.#record.notice(finished.notices)
    const why = this.#stopping?.failure ?? state.ending?.failure ?? finished.failure
    const ending = state.ending === null ? null : { ...state.ending, failure: why }
    const { evidence, withheld } = finished
    this.#record.save({ step: 'captured', evidence, withheld, ending })
  }

  #report(): void {
    this.#record.report(this.#stopping?.cause === 'lost' ? this.#stopping.failure.detail : null)
  }

  #wrong(error: unknown, what: string): void {
    this.#deps.log.error({ attemptId: this.attemptId, error: messageOf(error) }, what)
  }
}

function failureOf(error: unknown): RunFailure {
  if (error instanceof RunRefused) return failure(error.reason, error.message)
  return failure('daemon_abort', `the daemon failed: ${messageOf(error)}`)
}

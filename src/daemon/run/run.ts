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
import { adoptAgent, followAgent, startAgent } from './agent.ts'
import { releaseBox } from './box.ts'
import { watchBox } from './box-watch.ts'
import { keepConversation } from './carried.ts'
import type { Checkpointing } from './checkpoints.ts'
import { keepCheckpoints } from './checkpoints.ts'
import { credentialTurn } from './credential-turn.ts'
import type { RunDeps } from './deps.ts'
import { goOn } from './earlier.ts'
import type { Exit } from './ending.ts'
import { awaitExit, concludeEnd } from './ending.ts'
import { endCommands, finishRun, subfolderOf } from './finish.ts'
import { fetchAttachments } from './given.ts'
import type { Given, Listed } from './inbox.ts'
import { Inbox, lateWords } from './inbox.ts'
import { inputSize } from './input.ts'
import { holdConfig } from './own-config.ts'
import type { Parting } from './parting.ts'
import { leaveOnce, stopAfterTurn } from './parting.ts'
import { prepareRun } from './prepare.ts'
import { watchRetries } from './rate-limit.ts'
import type { Said } from './record.ts'
import { RunRecord } from './record.ts'
import { RunRefused } from './refused.ts'
import { RunTerminal } from './run-terminal.ts'
import { setUp } from './setup.ts'
import { signalOf } from './signal-of.ts'
import { watchStalls } from './stall.ts'
import type { RunFailure, RunState, Step } from './state.ts'
import { endedBy, failure } from './state.ts'
import { tearDown } from './teardown.ts'

/** Why the daemon itself ends an agent. `lost`: another owner has the task; what was made is salvaged. */
export type StopCause = 'cancelled' | 'aborted' | 'lost' | 'over_budget' | 'stalled' | 'rate_limited' | 'terminal_lost'

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
  readonly #inbox = new Inbox()
  #checkpoints: Checkpointing | null = null
  readonly #terminal: RunTerminal
  /** Ends this start's turn at the credentials of its harness. */
  #endTurn: () => void = () => {}
  #done: Promise<void> | null = null

  constructor(deps: RunDeps, state: RunState) {
    this.#deps = deps
    this.#record = new RunRecord(deps, state)
    this.#foundAt = state.step
    this.#terminal = new RunTerminal(deps, this.#record, {
      lost: (why) => this.#halt('terminal_lost', why),
      stopAgent: () => this.#stopAgent(deps.graceMs),
    })
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
    this.#done ??= this.#drive().finally(() => {
      if (!this.#left) this.#inbox.close()
    })
    return this.#done
  }

  /** Ends the agent and its tree; the run goes on to capture and report. */
  stop(cause: Exclude<StopCause, 'over_budget' | 'stalled' | 'rate_limited' | 'terminal_lost'>, detail: string): void {
    this.#halt(cause, failure(cause === 'cancelled' ? 'cancelled' : 'daemon_abort', detail))
  }

  /** Ends the agent without grace; after `stop`. */
  kill(): void {
    this.#stopAgent(0).catch((error) => this.#wrong(error, 'tree not killed'))
  }

  /** What a person sends; resolves when it was taken for good, to false when it came too late. */
  give(given: Given | Listed): Promise<boolean> {
    return this.#inbox.put(given)
  }

  /** A person ends an interactive run. Throws when that cannot be written down. */
  finish(by: string): void {
    this.#terminal.finish(by)
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
        if (!this.#left) await releaseBox(this.#deps, this.#record.state.assignment)
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
    } finally {
      this.#endTurn()
    }
    if (record.state.step === 'ended' && !this.#left) await this.#finish()
    if (record.state.step === 'captured' && !this.#left) this.#report()
  }

  async #prepare(): Promise<void> {
    const prepared = await prepareRun(this.#deps, this.#record.state.assignment, this.#interrupt.signal)
    const { workspace, harness, harnessVersion, repoFile } = prepared
    // Where the owner names who may approve, the server's rules are nobody.
    const { approvers } = this.#deps.policy
    const rules = approvers === null ? (this.#record.state.assignment.profile?.settings.autoApprove ?? []) : []
    this.#record.save({ step: 'prepared', workspace, harness: harness.name, harnessVersion, repoFile, rules })
    this.#record.notice([...workspace.notices, ...(repoFile?.skipped == null ? [] : [repoFile.skipped])])
  }

  async #start(): Promise<void> {
    const { runDir, state } = this.#record
    const { workspace, harness } = this.#record.prepared()
    // A daemon that died between the start and its record left a running agent: two would work in one workspace.
    const adopted = await adoptAgent(this.#deps, runDir)
    if (adopted === null) await this.#prepareFiles()
    if (adopted === null) await this.#resume()
    if (adopted === null) await fetchAttachments(this.#deps, state.assignment, runDir)
    this.#interrupt.signal.throwIfAborted()
    const { resumed, held } = this.#record.state
    const start = { assignment: state.assignment, workspace, harness, runDir, cwd: this.#cwd(), resumed, held }
    const tell = (message: string) => this.#record.notice([message])
    if (adopted === null)
      this.#endTurn = await credentialTurn(this.#deps, harness, { signal: this.#interrupt.signal, tell })
    const { handle, box, notHonoured } = adopted ?? (await startAgent(this.#deps, start))
    this.#record.save({ step: 'started', handle, box: box ?? state.box ?? null, inputBase: inputSize(runDir) })
    this.#record.notice(notHonoured.map((each) => `not honoured: ${each}`))
    this.#deps.changed()
  }

  /** What the agent goes on with, and what does not count. Decided once: a conversation that was copied has an id of its own. */
  async #resume(): Promise<void> {
    const { state } = this.#record
    const where = { cwd: this.#cwd(), subfolder: subfolderOf(state), signal: this.#interrupt.signal }
    if (state.resumed === null && state.assignment.continuation != null) await goOn(this.#deps, this.#record, where)
    await holdConfig(this.#deps, this.#record, where)
  }

  /** Where in the workspace the agent works. */
  #cwd(): string {
    const { path } = this.#record.prepared().workspace
    const subfolder = subfolderOf(this.#record.state)
    return subfolder === null ? path : join(path, subfolder)
  }

  /** Setup, alone in the workspace, and a look at what it left: that is not the agent's change. */
  async #prepareFiles(): Promise<void> {
    const again = this.#foundAt === 'prepared' // by a daemon that was killed
    if (again) await endCommands(this.#deps, this.#record.state)
    const baseTree = await setUp(this.#deps, this.#record, { signal: this.#interrupt.signal, again })
    const { workspace } = this.#record.prepared()
    if (baseTree === null || baseTree === workspace.baseTree) return
    this.#record.save({ workspace: { ...workspace, baseTree } })
    this.#record.notice(["setup left files that git does not ignore; they do not count as the agent's change"])
  }

  async #follow(): Promise<void> {
    const { runDir, state } = this.#record
    const { handle, assignment } = state
    const { harness, workspace } = this.#record.prepared()
    if (handle === null) throw new Error(`${this.attemptId} has no supervisor`)
    await pokePump(runDir) // the daemon that appended to its input last may have died before it said so
    const leaving = new AbortController()
    const ended = this.#gone(handle, leaving.signal)
    ended.catch(() => {}) // awaited below; it must not be unhandled while the output is followed
    this.#onInterrupt(leaving, { ended, cancels: harness.cancel !== undefined })
    if (state.followSeq === null) this.#record.save({ followSeq: this.#deps.journal.cursor(this.attemptId).nextSeq })
    const onUsed = (tally: Tally) => {
      const over = overBudget(assignment.task.budgets, tally)
      if (over !== null) this.#halt('over_budget', failure(over.reason, over.detail))
    }
    const checkpoints = keepCheckpoints(this.#deps, { assignment, workspace })
    const tell = (messages: readonly string[]) => this.#record.notice(messages)
    const box = watchBox(this.#deps, { assignment, workspace, harness, runDir }, tell)
    this.#checkpoints = checkpoints
    this.#terminal.follow(ended)
    const { clock } = this.#deps
    const stalls = watchStalls({ clock, assignment, signal: signalOf(ended) }, (why) => this.#halt('stalled', why))
    const leave = leaveOnce(this.#parting(ended), this.#deps.graceMs)
    const onTalk = ({ standing, done }: { readonly standing: boolean; readonly done: boolean }) => {
      stalls?.stand(standing)
      if (done) leave()
    }
    const retries = watchRetries(
      { clock: this.#deps.clock, assignment, harness, signal: signalOf(ended) },
      { tell: (message) => this.#record.notice([message]), limited: (why) => this.#halt('rate_limited', why) },
    )
    const onEvents = (events: readonly EventBody[]) => {
      stalls?.heard(events)
      retries.heard(events)
      if (events.length === 0) return
      box.heard() // before the turn ends: what it renewed is there for the next
      this.#endTurn()
    }
    const stop = { stopped: () => this.#stopping !== null, interrupt: this.#interrupt.signal }
    const following = followAgent(this.#deps, {
      assignment,
      runDir,
      ...{ harness, workspace },
      cwd: this.#cwd(),
      resumed: state.resumed ?? null,
      ended,
      signal: leaving.signal,
      inbox: this.#inbox,
      rules: state.rules,
      approvers: this.#deps.policy.approvers,
      inputBase: state.inputBase,
      ...{ onUsed, onEvents, onTalk, held: state.held, ...stop },
    })
    const [parser, exit] = await Promise.all([following, ended]).finally(async () => {
      this.#checkpoints = null
      if (!this.#left) await this.#terminal.end()
      await Promise.all([checkpoints.stop(), box.stop()])
      this.#endTurn()
    })
    this.#record.notice(this.#inbox.close().flatMap((given) => (given.kind === 'message' ? [lateWords(given)] : [])))
    if (state.replayOf !== null) return this.#record.save({ step: state.replayOf, replayOf: null })
    const stopping = this.#stopping?.failure ?? null
    const timeoutMs = assignment.task.runningTimeoutMs
    const ending = concludeEnd({ harness, parser, ended: exit, stopping, timeoutMs })
    const asked = this.#record.state.finishedBy != null && exit.cause === 'exited' && stopping === null
    const failed = asked ? null : this.#terminal.explained(ending.failure)
    const why = this.#deps.quota?.ended(harness.name, failed) ?? failed
    this.#record.save({ step: 'ended', ending: { ...ending, failure: why } })
  }

  /** While the agent runs an interrupt means: stop its tree and see it end, or only let go. */
  #onInterrupt(leaving: AbortController, { ended, cancels }: { ended: Promise<unknown>; cancels: boolean }): void {
    const { signal } = this.#interrupt
    const act = () => {
      if (this.#left) return leaving.abort()
      const stopping = cancels
        ? stopAfterTurn(this.#parting(ended), this.#deps.graceMs)
        : this.#stopAgent(this.#deps.graceMs)
      stopping.catch((error) => this.#wrong(error, 'tree not stopped'))
    }
    if (signal.aborted) act()
    else signal.addEventListener('abort', act, { once: true })
  }

  #parting(ended: Promise<unknown>): Parting {
    return { clock: this.#deps.clock, ended, stop: (graceMs) => this.#stopAgent(graceMs) }
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
    await this.#terminal.end()
    this.#deps.changed()
    if (state.workspace === null) {
      this.#record.save({ step: 'captured' })
      return
    }
    if (this.#foundAt === 'ended') await endCommands(this.#deps, state) // checks of a daemon that was killed
    const finished = await finishRun(this.#deps, { state, ...this.#record.prepared(), runDir }, this.#interrupt.signal)
    if (this.#left) return
    const torn = await tearDown(this.#deps, this.#record, this.#stopping !== null)
    this.#record.notice([...finished.notices, ...torn])
    const why = this.#stopping?.failure ?? state.ending?.failure ?? finished.failure
    const ending = state.ending === null ? null : { ...state.ending, failure: why }
    const { evidence, withheld, output } = finished
    const sessionCid = keepConversation(this.#deps, this.#record, this.#cwd())
    this.#record.save({ step: 'captured', evidence, withheld, output, ending, sessionCid })
  }

  #report(): void {
    this.#record.report(this.#stopping?.cause === 'lost' ? this.#stopping.failure.detail : null)
  }

  #wrong(error: unknown, what: string): void {
    this.#deps.log.error({ attemptId: this.attemptId, error: messageOf(error) }, what)
  }
}

function failureOf(error: unknown): RunFailure {
  if (error instanceof RunRefused) return { ...failure(error.reason, error.message), resetAt: error.resetAt }
  return failure('daemon_abort', `the daemon failed: ${messageOf(error)}`)
}

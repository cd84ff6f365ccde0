// One attempt from claim to report. Each step is journalled before the next begins; a restarted daemon goes on at the step it finds.

import type { BackoffRange } from '../../lib/backoff.ts'
import { fullJitter } from '../../lib/backoff.ts'
import { messageOf } from '../../lib/error-text.ts'
import { isStorageTrouble } from '../../lib/storage-trouble.ts'
import type { RunReport } from '../../protocol/link.ts'
import { pokePump, shiftDeadline, touchRun } from '../supervisor/run.ts'
import { stopTree } from '../supervisor/stop.ts'
import type { Following } from './agent.ts'
import { adoptAgent, followAgent, startAgent } from './agent.ts'
import { releaseBox } from './box.ts'
import { keepConversation } from './carried.ts'
import { credentialTurn } from './credential-turn.ts'
import type { RunDeps } from './deps.ts'
import type { Exit } from './ending.ts'
import { agentEnd, concludeEnd } from './ending.ts'
import { endCommands, finishRun } from './finish.ts'
import type { Given, Listed } from './inbox.ts'
import { Inbox, lateWords } from './inbox.ts'
import { inputSize } from './input.ts'
import type { Parting } from './parting.ts'
import { leaveOnce, stopAfterTurn } from './parting.ts'
import { prepareRun } from './prepare.ts'
import { cwdOf, readyWorkspace } from './readying.ts'
import type { Said } from './record.ts'
import { RunRecord } from './record.ts'
import { failureOf } from './refused.ts'
import { RunTerminal } from './run-terminal.ts'
import type { RunFailure, RunState, Step } from './state.ts'
import { endedBy, failure } from './state.ts'
import { tearDown } from './teardown.ts'
import type { Watches } from './watches.ts'
import { watchAgent } from './watches.ts'

/** Why the daemon itself ends an agent. `lost`: another owner has the task; what was made is salvaged. */
export type StopCause = 'cancelled' | 'aborted' | 'lost' | 'over_budget' | 'stalled' | 'rate_limited' | 'terminal_lost'

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
  /** While its agent works. */
  #watches: Watches | null = null
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
    await this.#watches?.checkpoint()
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
    const { signal } = this.#interrupt
    const again = this.#foundAt === 'prepared' // by a daemon that was killed
    if (adopted === null) await readyWorkspace(this.#deps, this.#record, { signal, again })
    signal.throwIfAborted()
    const { resumed, held } = this.#record.state
    const start = { assignment: state.assignment, workspace, harness, runDir, cwd: cwdOf(this.#record), resumed, held }
    const tell = (message: string) => this.#record.notice([message])
    if (adopted === null) this.#endTurn = await credentialTurn(this.#deps, harness, { signal, tell })
    const { handle, box, notHonoured } = adopted ?? (await startAgent(this.#deps, start))
    this.#record.save({ step: 'started', handle, box: box ?? state.box ?? null, inputBase: inputSize(runDir) })
    this.#record.notice(notHonoured.map((each) => `not honoured: ${each}`))
    this.#deps.changed()
  }

  async #follow(): Promise<void> {
    const { runDir, state } = this.#record
    const { handle, assignment } = state
    const { harness, workspace } = this.#record.prepared()
    if (handle === null) throw new Error(`${this.attemptId} has no supervisor`)
    await pokePump(runDir) // the daemon that appended to its input last may have died before it said so
    const leaving = new AbortController()
    const tell = (messages: readonly string[]) => this.#record.notice(messages)
    const ended = agentEnd(this.#deps, { runDir, handle, signal: leaving.signal }, tell)
    ended.catch(() => {}) // awaited below; it must not be unhandled while the output is followed
    this.#onInterrupt(leaving, { ended, cancels: harness.cancel !== undefined })
    if (state.followSeq === null) this.#record.save({ followSeq: this.#deps.journal.cursor(this.attemptId).nextSeq })
    const watches = watchAgent(
      this.#deps,
      { assignment, workspace, harness, runDir, ended },
      {
        tell,
        halt: (cause, why) => this.#halt(cause, why),
        heard: () => this.#endTurn(),
        done: leaveOnce(this.#parting(ended), this.#deps.graceMs),
      },
    )
    this.#watches = watches
    this.#terminal.follow(ended)
    const following = this.#hear({ watches, ended, signal: leaving.signal })
    const [parser, exit] = await Promise.all([following, ended]).finally(async () => {
      this.#watches = null
      if (!this.#left) await this.#terminal.end()
      await watches.stop()
      this.#endTurn()
    })
    this.#record.notice(this.#inbox.close().flatMap((given) => (given.kind === 'message' ? [lateWords(given)] : [])))
    if (state.replayOf !== null) this.#record.save({ step: state.replayOf, replayOf: null })
    else this.#conclude(parser, exit)
  }

  /** Follows the agent's output and hands it what people send; gives the adapter's last state. */
  #hear({ watches, ended, signal }: Pick<Following, 'ended' | 'signal'> & { watches: Watches }): Promise<unknown> {
    const { runDir, state } = this.#record
    const { harness, workspace } = this.#record.prepared()
    return followAgent(this.#deps, {
      assignment: state.assignment,
      runDir,
      harness,
      workspace,
      cwd: cwdOf(this.#record),
      resumed: state.resumed ?? null,
      held: state.held,
      ended,
      signal,
      stopped: () => this.#stopping !== null,
      interrupt: this.#interrupt.signal,
      onUsed: watches.onUsed,
      onEvents: watches.onEvents,
      onTalk: watches.onTalk,
      inbox: this.#inbox,
      rules: state.rules,
      approvers: this.#deps.policy.approvers,
      inputBase: state.inputBase,
    })
  }

  #conclude(parser: unknown, exit: Exit): void {
    const { harness } = this.#record.prepared()
    const { assignment, finishedBy } = this.#record.state
    const stopping = this.#stopping?.failure ?? null
    const timeoutMs = assignment.task.runningTimeoutMs
    const ending = concludeEnd({ harness, parser, ended: exit, stopping, timeoutMs })
    const asked = finishedBy != null && exit.cause === 'exited' && stopping === null
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
    const sessionCid = keepConversation(this.#deps, this.#record, cwdOf(this.#record))
    this.#record.save({ step: 'captured', evidence, withheld, output, ending, sessionCid })
  }

  #report(): void {
    this.#record.report(this.#stopping?.cause === 'lost' ? this.#stopping.failure.detail : null)
  }

  #wrong(error: unknown, what: string): void {
    this.#deps.log.error({ attemptId: this.attemptId, error: messageOf(error) }, what)
  }
}

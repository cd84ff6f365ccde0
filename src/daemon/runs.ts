// The runs of this daemon: taken up at a claim or from the journal, kept within the capacity, ended together.

import { join } from 'node:path'
import { messageOf } from '../lib/error-text.ts'
import { isStorageTrouble } from '../lib/storage-trouble.ts'
import type { ProfileSettings } from '../protocol/fleet.ts'
import type { Assignment, FromDaemonReply, RunReport } from '../protocol/link.ts'
import { jumpMs } from './jump.ts'
import { copiesBeside, dropCopy } from './run/copy.ts'
import type { RunDeps } from './run/deps.ts'
import type { Given } from './run/inbox.ts'
import { hostItself } from './run/inbox.ts'
import { Run } from './run/run.ts'
import type { RunState } from './run/state.ts'
import { newRunState } from './run/state.ts'

export interface RunsOptions {
  readonly deps: RunDeps
  readonly maxAgents: number
  /** A place freed, or was taken. */
  onRoom(): void
}

interface Kept {
  readonly run: Run
  /** Of its profile. */
  readonly settings: ProfileSettings | undefined
  /** Settles when the run let its place go. */
  readonly done: Promise<void>
}

/** Fields that a run of an older version does not have. */
const addedLater = { followSeq: null, replayOf: null, inputBase: null, rules: [], output: null }

export class Runs {
  readonly #options: RunsOptions
  readonly #live = new Map<string, Kept>()
  /** Runs whose last report is in the outbox and not yet at the server. */
  readonly #reported = new Map<string, RunReport>()
  readonly #waiting: (() => void)[] = []
  readonly #outcomes: string[] = []
  #working = 0
  /** How far the time of day was before the steady clock at the last look, ms. */
  #ahead: number | null = null
  #freed = Promise.withResolvers<void>()

  constructor(options: RunsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#live.size
  }

  /** How the runs of this start ended, oldest first: `result`, `fail`, `abort` or `salvage`. */
  get outcomes(): readonly string[] {
    return this.#outcomes
  }

  /** Resolves when nothing runs. */
  async idle(): Promise<void> {
    while (this.#live.size > 0) await Promise.all([...this.#live.values()].map(({ done }) => done))
  }

  /** Resolves when the next run ends. */
  async room(): Promise<void> {
    if (this.#live.size > 0) await this.#freed.promise
  }

  /** Places that a claim may fill. */
  get free(): number {
    return Math.max(0, this.#options.maxAgents - this.#live.size)
  }

  /** Goes on with what the journal knows from an earlier start. */
  recover(): void {
    const { journal, log, clock, state: folder } = this.#options.deps
    const known = new Map(journal.runs().map((run) => [run.attemptId, run.data as RunState])) // written whole by Run
    for (const state of copiesBeside(folder.runs, known)) {
      const { attemptId, epoch, n, task } = state.assignment
      const run = { attemptId, taskId: task.id, epoch, n, step: state.step, data: state }
      journal.recoverRun(run, state.followSeq ?? 1, clock.now())
      log.warn({ attemptId, step: state.replayOf ?? state.step }, 'run found by its folder, not in the journal')
    }
    for (const { data } of journal.runs()) {
      const state = { ...addedLater, ...(data as RunState) } // written whole by Run
      if (state.step === 'reported')
        this.#reported.set(state.assignment.attemptId, new Run(this.#options.deps, state).summary())
      else this.#keep(state)
    }
  }

  /** Takes an assignment up; one that is known already changes nothing. */
  take(assignment: Assignment): void {
    if (this.#live.has(assignment.attemptId) || this.#reported.has(assignment.attemptId)) return
    const { journal, clock, log } = this.#options.deps
    const state = newRunState(assignment, clock.now())
    const { attemptId, epoch, n, task } = assignment
    try {
      journal.saveRun({ attemptId, taskId: task.id, epoch, n, step: state.step, data: state })
    } catch (error) {
      if (!isStorageTrouble(error)) throw error
      // Not taken: the server hands it out again, at the next registration or after its dispatch timeout.
      log.error({ attemptId, error: messageOf(error) }, 'assignment could not be written down')
      return
    }
    this.#keep(state)
  }

  reports(): RunReport[] {
    return [...[...this.#live.values()].map(({ run }) => run.summary()), ...this.#reported.values()]
  }

  /** What the profile of a run at work says; undefined: nothing, or it is over. */
  settingsOf(attemptId: string): ProfileSettings | undefined {
    return this.#live.get(attemptId)?.settings
  }

  /** Of the profiles of the runs at work. */
  get settings(): readonly (ProfileSettings | undefined)[] {
    return [...this.#live.values()].map(({ settings }) => settings)
  }

  /** What the server says of our runs: those it gave to others and those whose task was cancelled are stopped. */
  reconcile(said: Pick<FromDaemonReply<'heartbeat'>, 'lost' | 'cancelled'>): void {
    for (const { attemptId, detail } of said.lost) {
      this.#live.get(attemptId)?.run.stop('lost', detail)
      // It ended, and nothing of it waits: a crash came between the acknowledgement and the forgetting.
      const waits = this.#options.deps.journal.outbox.attempts().includes(attemptId)
      if (this.#reported.has(attemptId) && !waits) this.delivered(attemptId)
    }
    for (const attemptId of said.cancelled) this.cancel(attemptId)
  }

  /** What a person sends to a run; resolves when it was taken for good, to false for words that came too late for its agent. */
  async give(attemptId: string, given: Given): Promise<boolean> {
    const inTime = (await this.#live.get(attemptId)?.run.give(given)) ?? false
    if (inTime || given.kind !== 'message') return true // an answer that comes too late answers nothing
    return this.#options.deps.journal.talk.heard(attemptId, given.seq) === 'taken' // sent again: it was in time before
  }

  /** What the server lists of our agents' open requests, as it registered us. One of the version before lists none. */
  reconcileRequests(listed: FromDaemonReply<'register'>['requests'] = []): void {
    for (const [attemptId, { run }] of this.#live) {
      const requests = listed.flatMap((one) => (one.attemptId === attemptId ? [one.requestId] : []))
      void run.give({ kind: 'listed', requests }) // never rejects; a run that is over needs no list
    }
  }

  /** Nobody will ever be asked: denied, as if nobody had answered in time. */
  deny(attemptId: string, requestId: string): void {
    const denied = { kind: 'answer', requestId, optionId: null, text: null, by: hostItself } as const
    this.give(attemptId, denied).catch((error) =>
      this.#options.deps.log.error({ attemptId, error: messageOf(error) }, 'request not denied'),
    )
  }

  /** False: it could not be written down. A run that is over has nothing to finish. */
  finish(attemptId: string, by: string): boolean {
    try {
      this.#live.get(attemptId)?.run.finish(by)
      return true
    } catch (error) {
      this.#options.deps.log.error({ attemptId, error: messageOf(error) }, 'run not finished')
      return false
    }
  }

  /** Every run that is not reported yet. */
  get ids(): ReadonlySet<string> {
    return new Set(this.#live.keys())
  }

  cancel(attemptId: string): void {
    this.#live.get(attemptId)?.run.stop('cancelled', '')
  }

  /** The server has all that the run will ever say: it is forgotten. */
  delivered(attemptId: string): void {
    const { journal, state } = this.#options.deps
    dropCopy(join(state.runs, attemptId))
    journal.forgetRun(attemptId)
    this.#reported.delete(attemptId)
  }

  /** Keeps what every working agent has made so far. Never rejects. */
  async checkpointAll(): Promise<void> {
    await Promise.all([...this.#live.values()].map(({ run }) => run.checkpoint()))
  }

  touch(now: number): void {
    this.#each('touch', (run) => run.touch(now))
    if (this.#steady(now)) this.#denyOverdue(now)
  }

  /** False when the time of day jumped since the last look: `shift` may not have been told yet, and nothing is overdue by a clock that was set. */
  #steady(now: number): boolean {
    const ahead = now - this.#options.deps.clock.monotonic()
    const jumped = Math.abs(ahead - (this.#ahead ?? ahead)) >= jumpMs
    this.#ahead = ahead
    return !jumped
  }

  /** With a server that hears us these were answered long ago. */
  #denyOverdue(now: number): void {
    const { journal, log } = this.#options.deps
    try {
      for (const { attemptId, requestId } of journal.talk.overdue(now)) this.deny(attemptId, requestId)
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'open requests not looked at; again at the next look')
    }
  }

  /** The time of day jumped by so much, ms. */
  shift(jumpedMs: number): void {
    this.#each('shift', (run) => run.shift(jumpedMs))
    const { journal, log } = this.#options.deps
    try {
      journal.talk.shift(jumpedMs) // the only place that is asked when a request ends
    } catch (error) {
      log.warn({ error: messageOf(error), jumpedMs }, 'open requests not moved with the clock')
    }
  }

  /** A disk in trouble must not end the daemon's loops: the next look does it again. */
  #each(what: string, act: (run: Run) => void): void {
    for (const { run } of this.#live.values()) {
      try {
        act(run)
      } catch (error) {
        this.#options.deps.log.warn(
          { attemptId: run.attemptId, what, error: messageOf(error) },
          'run folder not written',
        )
      }
    }
  }

  /** Gives all work back: agents are ended, their work is kept, the tasks are queued again. */
  async abortAll(detail: string): Promise<void> {
    for (const { run } of this.#live.values()) run.stop('aborted', detail)
    await Promise.all([...this.#live.values()].map(({ done }) => done))
  }

  /** Does not wait for any agent's grace. */
  killAll(): void {
    for (const { run } of this.#live.values()) run.kill()
  }

  /** Lets go of all runs; their agents go on and the next start takes them over. */
  async leaveAll(): Promise<void> {
    for (const { run } of this.#live.values()) run.leave()
    for (const start of this.#waiting.splice(0)) start()
    await Promise.all([...this.#live.values()].map(({ done }) => done))
  }

  #keep(state: RunState): void {
    const run = new Run(this.#options.deps, state)
    const done = this.#work(run)
    this.#live.set(run.attemptId, { run, done, settings: state.assignment.profile?.settings })
    this.#options.onRoom()
  }

  /** A run may come with more than the capacity, after two claims crossed: it waits for a place. */
  async #work(run: Run): Promise<void> {
    if (this.#working >= this.#options.maxAgents) await new Promise<void>((start) => this.#waiting.push(start))
    this.#working += 1
    await run.go()
    this.#working -= 1
    this.#live.delete(run.attemptId)
    if (run.said !== null) {
      this.#reported.set(run.attemptId, run.summary())
      this.#outcomes.push(run.said)
    }
    this.#freed.resolve()
    this.#freed = Promise.withResolvers()
    this.#waiting.shift()?.()
    this.#options.onRoom()
  }
}

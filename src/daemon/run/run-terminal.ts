// The terminal of one run, while a daemon follows it: shown to people, missed when it goes away, left as a person would leave it.

import { messageOf } from '../../lib/error-text.ts'
import { makeRedactor, makeTailWatch, secretsAmong } from '../../lib/redact.ts'
import type { Assignment } from '../../protocol/link.ts'
import type { Harness } from '../harness/port.ts'
import { lastScreen, lastWords } from '../terminal/last-words.ts'
import { environmentOf, redactorOf } from './agent.ts'
import type { RunDeps } from './deps.ts'
import { terminalGone } from './ending.ts'
import type { RunRecord } from './record.ts'
import { signalOf } from './signal-of.ts'
import type { RunFailure } from './state.ts'
import { failure } from './state.ts'

export interface TerminalActs {
  /** Its terminal is gone, the run is not. */
  lost(why: RunFailure): void
  stopAgent(): Promise<void>
}

/** An agent that was told to leave gets this long, ms. */
const leaveMs = 2_000
/** A person who leaves an agent pauses between two keys, ms. */
const keyMs = 300

export class RunTerminal {
  readonly #deps: RunDeps
  readonly #record: RunRecord
  readonly #acts: TerminalActs
  /** Lets the agent leave; does nothing while none runs. */
  #farewell: () => void = () => {}

  constructor(deps: RunDeps, record: RunRecord, acts: TerminalActs) {
    this.#deps = deps
    this.#record = record
    this.#acts = acts
  }

  /** A person ends the run: its agent is let go, and what it made is its result. Throws when that cannot be written down. */
  finish(by: string): void {
    const { step, finishedBy } = this.#record.state
    if (step !== 'started' || finishedBy != null || !this.#is) return
    this.#record.save({ finishedBy: by })
    this.#record.notice([`finished by ${by}`])
    this.#farewell()
  }

  /** People may watch and type until `ended` settles. Who asked for the run's end before a restart is heard. */
  follow(ended: Promise<unknown>): void {
    if (!this.#is) return
    const { runDir, state } = this.#record
    const { harness } = this.#record.prepared()
    showTerminal(this.#deps, { assignment: state.assignment, harness, runDir }).then(
      () => this.#acts.lost(failure('agent_failed', terminalGone)),
      (error) => this.#wrong(error, 'terminal not shown'),
    )
    this.#farewell = () => {
      this.#leave(harness.leaveKeys ?? [], signalOf(ended)).catch(() => {}) // it ended meanwhile
    }
    if (state.finishedBy != null) this.#farewell()
  }

  /** The agent is gone; may be repeated. Not for a daemon that leaves: the next start goes on with the terminal. */
  async end(): Promise<void> {
    this.#farewell = () => {}
    if (this.#is) await this.#deps.terminals?.end(this.#record.attemptId, 'the agent ended')
  }

  /** A failure with what the terminal showed last: nothing of that is in the transcript. */
  explained(why: RunFailure | null): RunFailure | null {
    if (!this.#is || why?.reason !== 'agent_failed') return why
    const { runDir, attemptId, state } = this.#record
    try {
      const redact = redactorOf(this.#deps, {
        assignment: state.assignment,
        harness: this.#record.prepared().harness,
        runDir,
      })
      this.#deps.log.debug({ attemptId, screen: redact(lastScreen(runDir).join('\n')) }, 'last screen of the terminal')
      const words = redact(lastWords(runDir))
      return words === '' ? why : { ...why, detail: `${why.detail}. It said last: ${words}` }
    } catch (error) {
      this.#wrong(error, 'terminal not read')
      return why
    }
  }

  get #is(): boolean {
    return this.#record.state.assignment.task.interactive === true
  }

  /** As a person would, and then as for any other agent. */
  async #leave(leaveKeys: readonly string[], gone: AbortSignal): Promise<void> {
    const { clock, terminals } = this.#deps
    for (const keys of leaveKeys) {
      await terminals?.type(this.#record.attemptId, Buffer.from(keys)).catch((error) => this.#wrong(error, 'not typed'))
      await clock.sleep(keyMs, gone)
    }
    await clock.sleep(leaveMs, gone)
    await this.#acts.stopAgent().catch((error) => this.#wrong(error, 'tree not stopped'))
  }

  #wrong(error: unknown, what: string): void {
    this.#deps.log.error({ attemptId: this.#record.attemptId, error: messageOf(error) }, what)
  }
}

/** Lets people watch the run and type. Resolves when its terminal is gone although the run is not. */
function showTerminal(
  deps: RunDeps,
  {
    assignment,
    harness,
    runDir,
  }: { readonly assignment: Assignment; readonly harness: Harness; readonly runDir: string },
): Promise<void> {
  const { terminals } = deps
  if (terminals === undefined) return Promise.resolve()
  const secrets = secretsAmong(environmentOf(deps, { assignment, harness, runDir }, {}), deps.secrets())
  const { attemptId } = assignment
  return terminals.show({ attemptId, runDir, redact: makeRedactor(secrets), tail: makeTailWatch(secrets) })
}

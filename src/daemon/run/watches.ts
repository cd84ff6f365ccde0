// What looks at an agent while it works: its budget, its silence, its retries, its sandbox, and the checkpoints of its files.

import { overBudget } from '../../core/budget.ts'
import type { Assignment } from '../../protocol/link.ts'
import type { Harness } from '../harness/port.ts'
import type { Workspace } from '../workspace/port.ts'
import type { Following } from './agent.ts'
import { watchBox } from './box-watch.ts'
import { keepCheckpoints } from './checkpoints.ts'
import type { RunDeps } from './deps.ts'
import { watchRetries } from './rate-limit.ts'
import { signalOf } from './signal-of.ts'
import { watchStalls } from './stall.ts'
import type { RunFailure } from './state.ts'
import { failure } from './state.ts'

export interface WatchedRun {
  readonly assignment: Assignment
  readonly workspace: Workspace
  readonly harness: Harness
  readonly runDir: string
  /** Settles when the agent is gone. */
  readonly ended: Promise<unknown>
}

/** What follows from what was seen. */
export interface WatchActs {
  tell(messages: readonly string[]): void
  /** The agent is to be ended for this. May come more than once. */
  halt(cause: 'over_budget' | 'stalled' | 'rate_limited', why: RunFailure): void
  /** The agent said something, and its renewed credentials are where the next one finds them. */
  heard(): void
  /** The agent said its last word. May come more than once. */
  done(): void
}

export interface Watches {
  readonly onUsed: Following['onUsed']
  readonly onEvents: Following['onEvents']
  readonly onTalk: NonNullable<Following['onTalk']>
  /** Keeps what the agent has made so far. Never rejects. */
  checkpoint(): Promise<void>
  /** Resolves when nothing of it uses the workspace any more. */
  stop(): Promise<void>
}

/** To be stopped once the agent has ended. */
export function watchAgent(deps: RunDeps, run: WatchedRun, acts: WatchActs): Watches {
  const { assignment, harness, ended } = run
  const { clock } = deps
  const signal = signalOf(ended)
  const checkpoints = keepCheckpoints(deps, run)
  const box = watchBox(deps, run, (messages) => acts.tell(messages))
  const stalls = watchStalls({ clock, assignment, signal }, (why) => acts.halt('stalled', why))
  const retries = watchRetries(
    { clock, assignment, harness, signal },
    { tell: (message) => acts.tell([message]), limited: (why) => acts.halt('rate_limited', why) },
  )
  return {
    onUsed: (tally) => {
      const over = overBudget(assignment.task.budgets, tally)
      if (over !== null) acts.halt('over_budget', failure(over.reason, over.detail))
    },
    onEvents: (events) => {
      stalls?.heard(events)
      retries.heard(events)
      if (events.length === 0) return
      box.heard() // before the turn ends: what it renewed is there for the next
      acts.heard()
    },
    onTalk: ({ standing, done }) => {
      stalls?.stand(standing)
      if (done) acts.done()
    },
    checkpoint: () => checkpoints.now(),
    stop: async () => {
      await Promise.all([checkpoints.stop(), box.stop()])
    },
  }
}

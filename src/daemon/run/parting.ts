// How an agent is brought to its end without force where that can be: what it was told needs a while, and only then its tree is stopped.

import type { Clock } from '../../core/clock.ts'
import { signalOf } from './signal-of.ts'

export interface Parting {
  readonly clock: Clock
  /** Settles when the agent is gone. */
  readonly ended: Promise<unknown>
  /** Stops its tree; ms between TERM and KILL. */
  stop(graceMs: number): Promise<void>
}

/** An agent that has said its last word gets this long to leave by itself, ms. */
const leaveMs = 2_000
/** ACP agents end a turn that is cancelled within 50 to 330 ms (HARNESSES 4), ms. */
const turnMs = 2_000

/** To be called when the agent has said its last word: a process that stays all the same is ended, which is no failure. Once is enough. */
export function leaveOnce({ clock, ended, stop }: Parting, graceMs: number): () => void {
  let asked = false
  const leave = async () => {
    await clock.sleep(leaveMs, signalOf(ended))
    await stop(graceMs)
  }
  return () => {
    if (!asked) leave().catch(() => {}) // it ended by itself
    asked = true
  }
}

/** An agent that was told to end its turn gets a part of the grace for it, its tree the rest. */
export async function stopAfterTurn({ clock, ended, stop }: Parting, graceMs: number): Promise<void> {
  const partMs = Math.min(turnMs, graceMs / 2)
  await clock.sleep(partMs, signalOf(ended)).catch(() => {}) // it ended by itself; what it left is stopped all the same
  await stop(graceMs - partMs)
}

// Stop signals of the verbs that stay: the first is graceful, the second kills agents, the third ends at once.

import type { Clock } from '../core/clock.ts'
import { exitCodes } from './exit.ts'

export interface Stoppable {
  readonly clock: Clock
  /** Ends by itself with an exit code, or never. */
  readonly done: Promise<{ readonly exitCode: number }>
  /** The first signal. */
  graceful(): Promise<void>
  /** The second signal, or the first took too long. */
  force(): Promise<void>
  /** Told at the first signal. */
  announce(): void
}

/** A graceful stop that takes longer is forced, ms. With the next it stays within the 30 s of SPEC 6. */
const gracefulMs = 22_000
/** A forced stop that takes longer is given up, ms. */
const forcedMs = 7_000

/** Resolves with the exit code when all is stopped. A third signal ends the process at once. */
export async function untilStopped(stoppable: Stoppable): Promise<number> {
  const first = Promise.withResolvers<'signal'>()
  const second = Promise.withResolvers<'signal'>()
  let signals = 0
  const onSignal = () => {
    signals += 1
    if (signals === 1) first.resolve('signal')
    else if (signals === 2) second.resolve('signal')
    else process.exit(exitCodes.interrupted)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  try {
    const ended = await Promise.race([first.promise, stoppable.done])
    if (ended !== 'signal') {
      await stoppable.graceful()
      return ended.exitCode
    }
    stoppable.announce()
    return await stop(stoppable, second.promise)
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
}

async function stop(stoppable: Stoppable, again: Promise<'signal'>): Promise<number> {
  const over = new AbortController()
  try {
    const late = (ms: number) => stoppable.clock.sleep(ms, over.signal).then(() => 'late' as const)
    const graceful = stoppable.graceful().then(() => 'stopped' as const)
    if ((await Promise.race([graceful, again, late(gracefulMs)])) === 'stopped') return exitCodes.ok
    const forced = stoppable.force().then(() => 'stopped' as const)
    await Promise.race([forced, late(forcedMs)])
    return exitCodes.ok
  } finally {
    over.abort()
  }
}

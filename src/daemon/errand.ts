// The two modes that end by themselves: `once` runs one task, `batch` runs until nothing is claimable.

import type { Client } from '../client/client.ts'
import { Problem } from '../core/problem.ts'
import type { Claiming } from './claiming.ts'
import type { DaemonOptions } from './options.ts'
import type { Runs } from './runs.ts'

export interface Errand {
  readonly options: DaemonOptions
  readonly claiming: Claiming
  readonly runs: Runs
  readonly client: Client
  readonly signal: AbortSignal
}

/** How long `once` waits for its task to become claimable before it says that it is not, ms. */
const onceWaitMs = 30_000

/** How a daemon ended by itself; with the problem, when there is one to tell. */
export interface Ended {
  readonly exitCode: number
  readonly problem?: Problem
}

/** Exit codes: 0 done, 1 the task failed, has ended or could not be had, 64 there is no such task. */
export async function errand(errandOf: Errand): Promise<Ended> {
  const { options } = errandOf
  switch (options.mode) {
    case 'once':
      return await once(errandOf, options.taskId).catch(refused)
    case 'batch':
      return { exitCode: await batch(errandOf, options) }
    case 'poll':
      throw new Error('poll has no end')
  }
}

function refused(error: unknown): Ended {
  if (!(error instanceof Problem)) throw error
  if (error.code === 'unknown_task') return { exitCode: 64, problem: error }
  if (error.code === 'invalid_state') return { exitCode: 1, problem: error }
  throw error
}

async function once({ claiming, runs, options }: Errand, taskId: string): Promise<Ended> {
  const before = runs.outcomes.length
  if (runs.size === 0) {
    const assigned = await claiming.ask({ waitMs: onceWaitMs, taskId })
    if (assigned === null) throw new Problem('not_connected', 'the server could not be asked for the task')
    if (assigned === 0) {
      options.log.error({ taskId }, 'the task cannot be claimed here; capstan task show says why')
      return { exitCode: 1 }
    }
  }
  await runs.idle()
  return { exitCode: runs.outcomes.slice(before).every((outcome) => outcome === 'result') ? 0 : 1 }
}

async function batch(
  { claiming, runs, options, signal }: Errand,
  waits: { waitForFirstTaskMs: number; waitAfterTaskMs: number },
): Promise<number> {
  let took = 0
  for (;;) {
    signal.throwIfAborted()
    const waitMs = Math.min(60_000, took === 0 ? waits.waitForFirstTaskMs : waits.waitAfterTaskMs)
    if (runs.free === 0) await runs.room()
    const assigned = await claiming.ask({ waitMs, taskId: null })
    if (assigned === null) continue // an error is not an empty queue
    took += assigned
    if (assigned > 0) continue
    if (runs.size === 0) break
    await runs.room() // a task that ends may make another claimable
  }
  options.log.info({ took }, 'nothing is left to claim')
  return 0
}

// Checkpoints of a run while its agent works: every few minutes, and when the disk runs short. They never hold the run up.

import { messageOf } from '../../lib/error-text.ts'
import type { Assignment } from '../../protocol/link.ts'
import { keepInterim } from '../workspace/interim.ts'
import type { Workspace } from '../workspace/port.ts'
import type { RunDeps } from './deps.ts'

export interface Checkpointing {
  /** Keeps what there is now. Never rejects: what goes wrong is logged. */
  now(): Promise<void>
  /** Ends it, also in the middle; resolves when nothing of it uses the workspace any more. */
  stop(): Promise<void>
}

/** Five minutes of an agent's work are the most that the loss of a workspace costs. */
const defaultIntervalMs = 300_000

/** Keeps the workspace every `deps.checkpointIntervalMs` (0: only when asked) until it is stopped. */
export function keepCheckpoints(
  deps: RunDeps,
  run: { readonly assignment: Assignment; readonly workspace: Workspace },
): Checkpointing {
  const { clock, log } = deps
  const { attemptId, task } = run.assignment
  const stopping = new AbortController()
  const { signal } = stopping
  const request = { taskId: task.id, attemptId, commitMessage: task.title, signal }
  let last: string | null = null
  const now = async () => {
    try {
      const commit = await keepInterim(run.workspace, request)
      if (commit !== null && commit !== last) log.debug({ attemptId, commit }, 'checkpoint kept')
      last = commit
    } catch (error) {
      if (!signal.aborted) log.warn({ attemptId, error: messageOf(error) }, 'checkpoint not kept')
    }
  }
  const everyMs = deps.checkpointIntervalMs ?? defaultIntervalMs
  const loop = async () => {
    while (everyMs > 0 && !signal.aborted) {
      await clock.sleep(everyMs, signal).catch(() => {}) // the stop ends it
      if (!signal.aborted) await now()
    }
  }
  const work = new Set([loop()])
  return {
    now: () => {
      const asked = now()
      work.add(asked)
      return asked.finally(() => work.delete(asked))
    },
    stop: async () => {
      stopping.abort(new Error('the agent ended'))
      await Promise.all(work)
    },
  }
}

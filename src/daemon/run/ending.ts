// How a followed agent ended: waited for without tight polling, concluded from its exit, its words and what the daemon did.

import { type FSWatcher, statSync, watch } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { formatDuration } from '../../lib/duration.ts'
import type { Harness } from '../harness/port.ts'
import type { ExitRecord, RunHandle } from '../supervisor/run.ts'
import { confirmLost, look } from '../supervisor/run.ts'
import { stopTree } from '../supervisor/stop.ts'
import { Wake } from '../wake.ts'
import type { RunDeps } from './deps.ts'
import { RunRefused } from './refused.ts'
import type { Ending, RunFailure } from './state.ts'
import { failure } from './state.ts'

/** The supervisor's record and when it was written, ms: a daemon may read it hours later. */
export type Exit = ExitRecord & { readonly at: number }

/** Watching the folder tells at once; this only covers file systems that do not tell. */
const lookAgainMs = 2_000

/** What an agent left behind gets less time than an agent that is stopped at work, ms. */
const leftoverGraceMs = 2_000

interface Supervised {
  readonly runDir: string
  readonly handle: RunHandle
  readonly signal: AbortSignal
}

/** The agent's end, and then that of whatever it left running. */
export async function agentEnd(
  { clock, graceMs }: Pick<RunDeps, 'clock' | 'graceMs'>,
  { runDir, handle, signal }: Supervised,
  tell: (messages: readonly string[]) => void,
): Promise<Exit> {
  const exit = await awaitExit(runDir, clock, signal)
  const { survivors } = await stopTree(handle, { graceMs: Math.min(graceMs, leftoverGraceMs), clock })
  if (survivors.length > 0) tell([`processes ${survivors.join(', ')} of this run could not be ended`])
  return exit
}

/** Resolves when the supervisor has written its exit file. Throws `RunRefused` (given back) when two looks find neither supervisor nor file. */
export async function awaitExit(runDir: string, clock: Clock, signal: AbortSignal): Promise<Exit> {
  const changed = new Wake()
  using _watched = watchForExit(runDir, changed)
  for (;;) {
    const seen = await look(runDir)
    const sure = seen.state === 'lost' ? await confirmLost(runDir, clock, signal) : seen
    if (sure.state === 'exited') return { ...sure, at: Math.round(statSync(join(runDir, 'exit')).mtimeMs) }
    if (sure.state === 'lost')
      throw new RunRefused('daemon_abort', 'the agent and its supervisor are gone without an exit record')
    await changed.wait(clock, lookAgainMs, signal)
  }
}

/** Without a watch the periodic look does it alone. */
function watchForExit(runDir: string, changed: Wake): Disposable {
  let watcher: FSWatcher | null = null
  try {
    watcher = watch(runDir, (_, name) => {
      if (name === 'exit') changed.wake()
    })
    watcher.on('error', () => watcher?.close())
  } catch {
    // no watch left on this host (EMFILE, ENOSPC), or the folder is gone: the look says so
  }
  return { [Symbol.dispose]: () => watcher?.close() }
}

export interface EndFacts {
  readonly harness: Harness
  readonly parser: unknown
  readonly ended: Exit
  /** What the daemon stopped it for; it outweighs what the agent says. */
  readonly stopping: RunFailure | null
  readonly timeoutMs: number
}

/** The end of the agent. Its exit code alone is never a success: the adapter needs the CLI's own last word. */
export function concludeEnd(facts: EndFacts): Ending {
  const { harness, parser, ended, stopping } = facts
  const { code, signal, at } = ended
  const verdict = harness.finish(parser, { code: signal === null ? code : null, signal, at })
  const { usage, costUsd, costEstimated = false, model, sessionRef, lastText } = verdict
  const own = verdict.ok
    ? null
    : { reason: verdict.reason, detail: verdict.detail, class: verdict.class, resetAt: verdict.resetAt }
  return {
    at,
    exitCode: code,
    signal,
    failure: stopping ?? forced(facts) ?? own,
    usage,
    costUsd,
    costEstimated,
    model,
    sessionRef,
    lastText,
  }
}

/** An interactive run cannot go on unseen. */
export const terminalGone = 'its terminal is gone: tmux was ended from outside; what the agent made is kept'

function forced({ ended, timeoutMs }: EndFacts): RunFailure | null {
  switch (ended.cause) {
    case 'exited':
      return null
    case 'deadline':
      return failure('timed_out', `the agent ran longer than ${formatDuration(timeoutMs)}`)
    case 'hangup':
      return failure('agent_failed', terminalGone)
    case 'orphaned':
      return failure('daemon_abort', 'no daemon looked after the run, so its supervisor stopped it')
  }
}

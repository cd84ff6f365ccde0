// Whether the daemon of a data folder serves its repositories yet: it looks for itself, a moment after they were registered.

import { Problem } from '../../core/problem.ts'
import type { DaemonView } from '../../protocol/fleet.ts'
import { clientOf } from '../connection.ts'
import type { Context } from '../context.ts'
import { type Running, readRunning } from '../data-dir.ts'

/** It looks twice a second and tells its server at once. */
const patienceMs = 10_000
const askMs = 2_000
const lookMs = 100

type Waiting = Pick<Context, 'env' | 'clock' | 'signal'>

/** Waits until the server lists them, so that a task can name them. Gives what stands in the way, in sentences: none runs, or it is late. */
export async function awaitServed(dataDir: string, slugs: readonly string[], context: Waiting): Promise<string[]> {
  if (slugs.length === 0) return []
  const { clock, signal } = context
  const until = clock.monotonic() + patienceMs
  const running = [readRunning(dataDir, 'daemon'), readRunning(dataDir, 'up')].filter((each) => each !== null)
  for (const each of running) {
    for (;;) {
      const host = await hostOf(each, context)
      if (host === null) break
      if (host === 'unseen') return ['the daemon that runs here serves it in a moment']
      const found = host.repos.filter(({ slug }) => slugs.includes(slug))
      if (slugs.every((slug) => found.some((repo) => repo.slug === slug)))
        return found.flatMap(({ slug, problem }) => (problem === null ? [] : [`${slug}: ${problem}`]))
      if (clock.monotonic() >= until) return ['the daemon that runs here has not told its server of it yet']
      await clock.sleep(lookMs, signal)
    }
  }
  return ['no daemon runs with this data folder; its next start serves it']
}

/** Null: none, it is not connected, or its server does not answer. `unseen`: the daemon's token may not look at hosts. */
async function hostOf(
  { url, token, daemonId }: Running,
  { env, signal }: Waiting,
): Promise<DaemonView | 'unseen' | null> {
  if (daemonId === null) return null
  try {
    const client = await clientOf(env, { url, token }, askMs)
    const host = await client.call('getDaemon', { params: { id: daemonId }, signal })
    return host.connected ? host : null
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Problem) return error.code === 'forbidden' ? 'unseen' : null
    throw error
  }
}

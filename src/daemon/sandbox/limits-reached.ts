// Whether a run has met its limits: an agent whose processes vanish, or cannot be started, does not know why.
// Sources: memory.events and pids.events of the kernel's cgroup-v2.rst; memory.oom_control and pids.events of version 1.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SandboxSettings } from '../../protocol/sandbox.ts'

const counters = [
  { limit: 'memory', file: 'memory.events', name: 'oom_kill' },
  { limit: 'memory', file: 'memory.oom_control', name: 'oom_kill' },
  { limit: 'pids', file: 'pids.events', name: 'max' },
] as const

/** Sentences, one for each limit that was met so far. `places`: the run's groups; those that are gone say nothing. */
export function limitsReached(
  places: readonly string[],
  { memory, pids }: NonNullable<SandboxSettings['resources']>,
): readonly string[] {
  const met = (limit: string) =>
    counters
      .filter((each) => each.limit === limit)
      .some(({ file, name }) => places.some((place) => countIn(join(place, file), name) > 0))
  return [
    ...(memory !== undefined && met('memory')
      ? [`sandbox: the run met its limit of ${memory} of memory: processes of it were ended`]
      : []),
    ...(pids !== undefined && met('pids')
      ? [`sandbox: the run met its limit of ${pids} processes: no more were started`]
      : []),
  ]
}

function countIn(path: string, name: string): number {
  try {
    const text = readFileSync(path, 'utf8')
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
  } catch {
    return 0 // another version's, or gone
  }
}

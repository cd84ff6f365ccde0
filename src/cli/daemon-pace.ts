// How often a daemon speaks to its server, as its flags say: what contradicts itself is refused before anything starts.

import { Problem } from '../core/problem.ts'
import { defaultPoll } from '../daemon/claiming.ts'
import { formatDuration } from '../lib/duration.ts'
import { leaseBounds } from '../protocol/fleet.ts'
import type { DaemonFlags } from './daemon-options.ts'

/** Throws `usage` for one that the server would not give, or that its heartbeats could not hold. */
export function leaseOf({ leaseTtl, heartbeatInterval }: DaemonFlags): number | undefined {
  if (leaseTtl === undefined) return undefined
  const said = formatDuration(leaseTtl)
  if (leaseTtl < leaseBounds.leastMs || leaseTtl > leaseBounds.mostMs)
    throw new Problem('usage', `--lease-ttl ${said}: a lease is of 15s to 10m`)
  if (heartbeatInterval !== undefined && 3 * heartbeatInterval > leaseTtl)
    throw new Problem(
      'usage',
      `--heartbeat-interval ${formatDuration(heartbeatInterval)} does not go with --lease-ttl ${said}: at least three heartbeats belong into a lease`,
    )
  return leaseTtl
}

/** Faster would be a load for a server that is in trouble already, ms. */
const leastPollMs = 100

/** Throws `usage` when the first wait is too short, or longer than the longest. */
export function pollOf({ pollInterval, maxPollInterval }: DaemonFlags): {
  readonly pollIntervalMs: number | null
  readonly maxPollIntervalMs: number | null
} {
  const { firstMs, mostMs } = defaultPoll
  const [first, most] = [
    pollInterval ?? Math.min(firstMs, maxPollInterval ?? firstMs),
    maxPollInterval ?? Math.max(mostMs, pollInterval ?? mostMs),
  ]
  if (first < leastPollMs) throw new Problem('usage', `--poll-interval ${formatDuration(first)}: at least 100ms`)
  if (first > most)
    throw new Problem(
      'usage',
      `--poll-interval ${formatDuration(first)} is more than --max-poll-interval ${formatDuration(most)}`,
    )
  return { pollIntervalMs: first, maxPollIntervalMs: most }
}

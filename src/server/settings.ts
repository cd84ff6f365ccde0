// Every number the server may be configured with. Milliseconds and bytes; tests use small ones.

import type { RetryPolicy } from '../core/retry.ts'
import { defaultRetryPolicy } from '../core/retry.ts'
import { defaultLeaseMs } from '../protocol/fleet.ts'
import { oldestProtocolVersion, protocolVersion } from '../protocol/link.ts'

export interface ServerSettings {
  /** How long an attempt stays owned without a heartbeat. */
  readonly leaseTtlMs: number
  /** What daemons are told to keep to. */
  readonly heartbeatIntervalMs: number
  /** How long a lapsed owner may come back before the task is queued again. */
  readonly reconnectGraceMs: number
  /** From a claim to the first heartbeat that names the attempt. */
  readonly dispatchTimeoutMs: number
  readonly retry: RetryPolicy
  /** A daemon of the same key but another boot is refused while the first was heard within this. */
  readonly bootGuardMs: number
  /** An agent without an event for so long is shown as stalled. */
  readonly stalledMs: number
  /** The longest wait between two sweeps; due times end it earlier. */
  readonly sweepMaxWaitMs: number
  /** Rows a sweep may change in one transaction: long ones would hold up claims. */
  readonly sweepBatch: number
  /** How often rows and blobs that nobody needs are let go, and how old they are then. */
  readonly housekeepingMs: number
  readonly housekeepingAgeMs: number
  /** How long lines of the audit log are kept; 0: for ever. */
  readonly auditAgeMs: number
  /** How often waiting claims are looked at again although no hint came. */
  readonly relookMs: number
  /** A daemon that was not heard for so long is not connected, whatever a replica that died left written. */
  readonly silentMs: number
  /** The versions of the link that it speaks: this build's and the one before. */
  readonly protocol: { readonly oldest: number; readonly newest: number }
  /** How long a poll for rows is held. */
  readonly pollMs: number
  /** Ping on daemon sockets; two without an answer end the socket. */
  readonly pingMs: number
  /** A socket that has not registered within this is closed; at most so many wait to register at once. */
  readonly registerTimeoutMs: number
  readonly unregisteredSockets: number
  /** Comment lines on idle streams, so that proxies keep them. */
  readonly streamBeatMs: number
  /** A follower that has more than this unread is cut. */
  readonly followBufferBytes: number
  /** How long a checked token is believed without a look at the store; a revocation is heard sooner. */
  readonly tokenCacheMs: number
  /** How often `lastUsedAt` is written and live connections' tokens are checked. */
  readonly tokenFlushMs: number
  /** How long a sign-in link works. */
  readonly signInTtlMs: number
  /** How long a browser stays signed in. */
  readonly sessionTtlMs: number
  /** How long an invitation to sign in works. */
  readonly invitationTtlMs: number
  /** From the first byte of a request to its last header, and to the last byte of its body. */
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly blobBytes: number
  /** How long close waits for answers under way. */
  readonly closeTimeoutMs: number
}

export const defaultSettings: ServerSettings = {
  leaseTtlMs: defaultLeaseMs,
  heartbeatIntervalMs: 10_000,
  reconnectGraceMs: 600_000,
  dispatchTimeoutMs: 300_000,
  retry: defaultRetryPolicy,
  bootGuardMs: 30_000,
  stalledMs: 600_000,
  sweepMaxWaitMs: 1_000,
  sweepBatch: 200,
  housekeepingMs: 3_600_000,
  housekeepingAgeMs: 2_592_000_000, // 30 days: longer than any client tries the same creation again
  auditAgeMs: 31_536_000_000, // a year: what most rules about such logs ask for
  relookMs: 2_000,
  silentMs: 180_000,
  protocol: { oldest: oldestProtocolVersion, newest: protocolVersion },
  pollMs: 25_000,
  pingMs: 15_000,
  registerTimeoutMs: 10_000,
  unregisteredSockets: 1_000,
  streamBeatMs: 15_000,
  followBufferBytes: 4_194_304,
  tokenCacheMs: 1_000,
  tokenFlushMs: 5_000,
  signInTtlMs: 86_400_000,
  sessionTtlMs: 2_592_000_000,
  invitationTtlMs: 86_400_000,
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 120_000,
  blobBytes: 67_108_864,
  closeTimeoutMs: 5_000,
}

/** Defaults for streams that a task's own words do not set, ms (SPEC 3). */
export const taskTimeouts = { runningMs: 7_200_000, setupMs: 900_000, checkMs: 900_000 } as const

/** What a heartbeat renews. A lease beyond server's and grace would be cut by the next sweep, as after a clock that was set back. */
export function leaseTerms({ leaseTtlMs, reconnectGraceMs, retry }: ServerSettings): {
  readonly leaseMs: number
  readonly mostMs: number
  readonly policy: RetryPolicy
} {
  return { leaseMs: leaseTtlMs, mostMs: leaseTtlMs + reconnectGraceMs, policy: retry }
}

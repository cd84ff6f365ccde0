// What this host makes of its accounts' quotas: which class of failure means that one is spent, for how long, and what follows for a run.

import type { Clock } from '../../core/clock.ts'
import type { OnRateLimit } from '../../core/quota.ts'
import { defaultOnRateLimit } from '../../core/quota.ts'
import type { Log } from '../../lib/log.ts'
import type { ErrorClass } from '../../protocol/events.ts'
import type { HarnessFound } from '../../protocol/fleet.ts'
import type { Assignment } from '../../protocol/link.ts'
import type { Harness, HostProbe } from '../harness/port.ts'
import type { RunFailure } from '../run/state.ts'
import type { StateFolder } from '../state-folder.ts'
import { Exhausted } from './exhausted.ts'
import type { QuotaSettings } from './settings.ts'

export interface QuotaOptions {
  readonly state: Pick<StateFolder, 'dir' | 'hostId'>
  readonly harnesses: readonly Harness[]
  readonly settings: QuotaSettings
  readonly clock: Clock
  readonly log: Log
  probe(): HostProbe
}

export class Quota {
  readonly #options: QuotaOptions
  readonly #exhausted: Exhausted

  constructor(options: QuotaOptions) {
    this.#options = options
    this.#exhausted = new Exhausted(options.state, options.log)
  }

  /** The harnesses as detection found them, with their accounts and what those have spent. */
  mark(found: readonly HarnessFound[]): HarnessFound[] {
    const now = this.#options.clock.now()
    return found.map(({ exhaustedUntil: _, ...each }) => {
      const account = each.account ?? 'default'
      const until = this.#exhausted.until({ harness: each.name, account }, now)
      return until === null ? each : { ...each, exhaustedUntil: until }
    })
  }

  /** A person lets the host take work again: what it knows of spent quotas may be out of date. */
  forget(): boolean {
    return this.#exhausted.forget(this.#options.clock.now())
  }

  /** Looks the harness's account up on this host. */
  accountOf(harness: Harness): string {
    return harness.account?.(this.#options.probe()) ?? 'default'
  }

  /**
   * An agent of this harness ended. A failure that tells of a spent quota is written down, and comes back with the time at which the quota
   * returns. A bill that was not paid is one only where `[quota] billing = "park"` says so.
   */
  ended(harnessName: string, failure: RunFailure | null): RunFailure | null {
    const { harnesses, clock, settings } = this.#options
    const harness = harnesses.find((each) => each.name === harnessName)
    if (harness === undefined) return failure
    const of = { harness: harness.name, account: this.accountOf(harness) }
    const now = clock.now()
    if (failure === null) {
      this.#exhausted.worked(of, now)
      return null
    }
    const parks = failure.reason === 'quota' || (failure.reason === 'billing' && settings.billing === 'park')
    if (!parks) return failure
    const until = this.#exhausted.note(of, { resetAt: failure.resetAt, firstMs: firstWaitMs(failure.class), now })
    return { ...failure, reason: 'quota', resetAt: until }
  }
}

/**
 * Where nobody says when a limit ends. A rate limit counts requests or tokens of a minute, and an overloaded model is one for minutes; a spent
 * quota lasts for hours, and a look at it every 15 min costs little.
 */
function firstWaitMs(kind: ErrorClass | null): number {
  return kind === 'rate_limit' || kind === 'overloaded' ? 60_000 : 900_000
}

/** The task's own word, else its profile's. */
export function onRateLimitOf({ task, profile }: Pick<Assignment, 'task' | 'profile'>): OnRateLimit {
  return task.onRateLimit ?? profile?.settings.onRateLimit ?? defaultOnRateLimit
}

/** The task waits for the limit's end, because it says so, or because it names a model that only the harness of this run may know. */
export function staysForQuota(assignment: Pick<Assignment, 'task' | 'profile'>): boolean {
  return onRateLimitOf(assignment) !== 'failover' || namesModelAlone(assignment)
}

/** A model without the harness that knows it: it must not be handed to another one. */
export function namesModelAlone({ task, profile }: Pick<Assignment, 'task' | 'profile'>): boolean {
  const harness = task.harness ?? profile?.settings.harness ?? null
  return (task.model ?? profile?.settings.model ?? null) !== null && harness === null
}

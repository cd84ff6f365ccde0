// An attempt that cannot go on, with the reason it ends with.

import type { AttemptReason } from '../../core/reason.ts'

export class RunRefused extends Error {
  readonly reason: AttemptReason
  /** When a spent quota returns, ms since the epoch. */
  readonly resetAt: number | null

  constructor(reason: AttemptReason, detail: string, options: { cause?: unknown; resetAt?: number } = {}) {
    const { resetAt = null, ...rest } = options
    super(detail, rest)
    this.name = 'RunRefused'
    this.reason = reason
    this.resetAt = resetAt
  }
}

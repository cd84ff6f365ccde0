// An attempt that cannot go on, with the reason it ends with.

import type { AttemptReason } from '../../core/reason.ts'
import { messageOf } from '../../lib/error-text.ts'
import type { RunFailure } from './state.ts'
import { failure } from './state.ts'

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

/** What the run ends with after an error: a refusal says it itself, anything else is the daemon's own failure. */
export function failureOf(error: unknown): RunFailure {
  if (error instanceof RunRefused) return { ...failure(error.reason, error.message), resetAt: error.resetAt }
  return failure('daemon_abort', `the daemon failed: ${messageOf(error)}`)
}

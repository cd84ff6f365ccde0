// An attempt that cannot go on, with the reason it ends with.

import type { AttemptReason } from '../../core/reason.ts'

export class RunRefused extends Error {
  readonly reason: AttemptReason

  constructor(reason: AttemptReason, detail: string, options?: { cause?: unknown }) {
    super(detail, options)
    this.name = 'RunRefused'
    this.reason = reason
  }
}

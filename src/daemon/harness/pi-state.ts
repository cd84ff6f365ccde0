// What the reader of Pi's stream remembers between lines: plain JSON, bounded.

import type { ErrorClass, Usage } from '../../protocol/events.ts'
import { noUsage } from './usage.ts'

export interface PiState {
  readonly session: string | null
  readonly model: string | null
  readonly cwd: string | null
  readonly lastText: string | null
  /** The beginning of a paragraph that is still being said, and its kind. */
  readonly pending: { readonly kind: 'text' | 'thinking'; readonly text: string }
  /** Why the newest answer of the model ended: `stop`, `toolUse`, `length`, `error`, `aborted`. */
  readonly stop: string | null
  /** True from `agent_settled` on, as long as nothing follows it. */
  readonly isSettled: boolean
  /** The newest model error, or the retries under way; any answer of the model clears it. */
  readonly trouble: { readonly class: ErrorClass | null; readonly message: string } | null
  readonly usage: Usage
  readonly costUsd: number
  readonly stderr: string
}

export function initialPiState(): PiState {
  return {
    session: null,
    model: null,
    cwd: null,
    lastText: null,
    pending: { kind: 'text', text: '' },
    stop: null,
    isSettled: false,
    trouble: null,
    usage: noUsage,
    costUsd: 0,
    stderr: '',
  }
}

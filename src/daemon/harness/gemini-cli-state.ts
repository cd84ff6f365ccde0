// What the reader of Gemini CLI's stream remembers between lines: plain JSON, bounded.

import type { ErrorClass, Usage } from '../../protocol/events.ts'
import type { Failure } from './port.ts'

export interface GeminiState {
  readonly session: string | null
  /** What was asked for (`auto`), then the model that answered with the most tokens. */
  readonly model: string | null
  /** The words of the answer so far, for the last words; its beginning only. */
  readonly said: string
  readonly lastText: string | null
  /** The beginning of a paragraph that is still being said. */
  readonly pending: string
  readonly terminal: { readonly ok: true } | Failure | null
  /** The newest error, or the retries under way; an answer of the model clears it. */
  readonly trouble: { readonly class: ErrorClass | null; readonly message: string } | null
  /** Why the CLI ended the work by itself, which its result does not say. */
  readonly stopped: Failure | null
  /** Tool calls that were shown as a plan; their ends are not shown. At most 32. */
  readonly hidden: readonly string[]
  readonly usage: Usage | null
  readonly costUsd: number | null
  readonly stderr: string
}

export function initialGeminiState(): GeminiState {
  return {
    session: null,
    model: null,
    said: '',
    lastText: null,
    pending: '',
    terminal: null,
    trouble: null,
    stopped: null,
    hidden: [],
    usage: null,
    costUsd: null,
    stderr: '',
  }
}

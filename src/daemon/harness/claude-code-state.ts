// What the reader of Claude Code's stream remembers between lines: plain JSON, bounded.

import type { ErrorClass, Usage } from '../../protocol/events.ts'
import type { Json } from './json.ts'
import { countOf } from './json.ts'
import type { Failure } from './port.ts'
import { addUsage, noUsage } from './usage.ts'

/** A control request that waits for its answer. */
export interface PendingAsk {
  readonly tool: string
  /** Given back with the answer. */
  readonly input: Json
  /** What to remember in this run when a person says so. */
  readonly lasting: readonly Json[]
  /** The texts of an AskUserQuestion; else empty. */
  readonly questions: readonly string[]
}

export interface ClaudeState {
  readonly session: string | null
  readonly model: string | null
  readonly cwd: string | null
  readonly lastText: string | null
  /** The newest result line, as long as nothing followed it. Background work may start another turn after a first result. */
  readonly terminal: { readonly ok: true } | Failure | null
  /** The class of the newest model error, or of the retries under way; any answer of the model clears it. */
  readonly trouble: { readonly class: ErrorClass | null; readonly message: string } | null
  /** When a rejected subscription limit returns, ms. */
  readonly resetAt: number | null
  /** Tool calls that were shown as a plan; their ends are not shown. At most 32. */
  readonly hidden: readonly string[]
  /** Usage of results so far; exact. */
  readonly settled: Usage
  readonly costUsd: number | null
  /** Usage of finished messages since the newest result; used when no result comes. */
  readonly closed: Usage
  /** The newest message of each thread (the agent, its sub-agents): its usage is repeated, growing, on every line of it. At most 32. */
  readonly open: Readonly<Record<string, { readonly id: string; readonly usage: Usage }>>
  readonly stderr: string
  /** By the CLI's request id. Older journals lack it. */
  readonly pending?: Readonly<Record<string, PendingAsk>>
}

export function initialClaudeState(): ClaudeState {
  return {
    session: null,
    model: null,
    cwd: null,
    lastText: null,
    terminal: null,
    trouble: null,
    resetAt: null,
    hidden: [],
    settled: noUsage,
    costUsd: null,
    closed: noUsage,
    open: {},
    stderr: '',
  }
}

/** All tokens so far: exact up to the newest result, estimated after it. */
export function totalUsage(state: ClaudeState): Usage {
  const live = Object.values(state.open).reduce((sum, thread) => addUsage(sum, thread.usage), state.closed)
  return addUsage(state.settled, live)
}

/** Counts a message's usage once, however many lines repeat it. */
export function countMessage(
  state: ClaudeState,
  message: { readonly thread: string; readonly id: string; readonly usage: Usage },
): ClaudeState {
  // by entries, not by key: a thread may be named like something every object has
  const [before] = Object.entries(state.open).flatMap(([thread, open]) => (thread === message.thread ? [open] : []))
  const ended = before === undefined || before.id === message.id ? [] : [before]
  const threads = Object.entries(state.open).filter(([thread]) => thread !== message.thread)
  const evicted = threads.slice(0, Math.max(0, threads.length - 31)).map(([, thread]) => thread)
  const closed = [...ended, ...evicted].reduce((sum, thread) => addUsage(sum, thread.usage), state.closed)
  const kept = Object.fromEntries(threads.slice(evicted.length))
  return { ...state, closed, open: { ...kept, [message.thread]: { id: message.id, usage: message.usage } } }
}

/** Anthropic's `input_tokens` leaves out what came from the cache. */
export function usageOf(usage: Json): Usage {
  return {
    inputTokens: countOf(usage.input_tokens),
    outputTokens: countOf(usage.output_tokens),
    cacheReadTokens: countOf(usage.cache_read_input_tokens),
    cacheWriteTokens: countOf(usage.cache_creation_input_tokens),
  }
}

// What the reader of `codex app-server` remembers between lines: plain JSON, bounded.

import type { ErrorClass, Usage } from '../../protocol/events.ts'
import type { Json } from './json.ts'
import { countOf } from './json.ts'
import type { RpcId } from './json-rpc.ts'
import type { AskOption, Failure } from './port.ts'
import { addUsage, noUsage } from './usage.ts'

export interface CodexAppState {
  readonly phase: 'initialize' | 'thread' | 'turn' | 'over'
  /** The id of the request whose response moves the conversation on. */
  readonly awaits: number
  /** The newest id of ours. */
  readonly newest: number
  readonly thread: string | null
  /** The turn at work; null: none, or not named yet. */
  readonly turn: string | null
  readonly model: string | null
  /** Estimated by the list of prices; null: its price is not known. */
  readonly costUsd: number | null
  readonly lastText: string | null
  readonly terminal: { readonly ok: true } | Failure | null
  readonly trouble: { readonly class: ErrorClass | null; readonly message: string } | null
  /** Items whose start was shown and whose end was not. */
  readonly started: readonly string[]
  /** Changes of files that may be asked about: the request itself does not repeat them. */
  readonly changes: readonly { readonly item: string; readonly title: string; readonly diff: string }[]
  /** Threads of sub-agents, and the call that started each. */
  readonly subAgents: readonly { readonly thread: string; readonly call: string }[]
  readonly pending: readonly PendingApproval[]
  readonly asked: number
  readonly denied: string | null
  /** Messages given to the turn at work and not yet taken by it. */
  readonly steers: readonly { readonly id: number; readonly text: string }[]
  /** Messages for the turn after this one. */
  readonly queue: readonly string[]
  /** Tokens by thread: what it had before this run, and what it has now. */
  readonly spent: readonly { readonly thread: string; readonly before: Usage; readonly now: Usage }[]
  /** The newest word on the account's limits. */
  readonly limits: readonly Limit[]
  readonly stderr: string
}

export interface Limit {
  readonly usedPercent: number
  /** ms since the epoch, or null. */
  readonly resetsAt: number | null
}

export interface PendingApproval {
  readonly key: string
  readonly id: RpcId
  readonly title: string
  readonly options: readonly AskOption[]
  /** The result to send for each option, by its id. */
  readonly results: Readonly<Record<string, Json>>
  /** The result when nothing is granted. */
  readonly otherwise: Json
  /** Ids of the questions that words answer; empty: it takes none. */
  readonly questions: readonly string[]
}

export const maxStarted = 64
export const maxChanges = 3
export const maxSubAgents = 32
export const maxApprovals = 16
export const maxMessages = 16

export function initialCodexAppState(): CodexAppState {
  return {
    phase: 'initialize',
    awaits: 0,
    newest: 0,
    thread: null,
    turn: null,
    model: null,
    lastText: null,
    terminal: null,
    trouble: null,
    started: [],
    changes: [],
    subAgents: [],
    pending: [],
    asked: 0,
    denied: null,
    steers: [],
    queue: [],
    spent: [],
    costUsd: null,
    limits: [],
    stderr: '',
  }
}

/** What this run spent: of a resumed thread the earlier runs are taken off, of its sub-agents all counts. Null: nothing was told. */
export function spentUsage(state: CodexAppState): Usage | null {
  if (state.spent.length === 0) return null
  return state.spent.reduce((sum, { before, now }) => addUsage(sum, difference(now, before)), noUsage)
}

/** `inputTokens` includes the cached ones. */
export function tokensOf(told: Json): Usage {
  const cached = countOf(told.cachedInputTokens)
  const written = countOf(told.cacheWriteInputTokens)
  return {
    inputTokens: Math.max(0, countOf(told.inputTokens) - cached - written),
    outputTokens: countOf(told.outputTokens),
    cacheReadTokens: cached,
    cacheWriteTokens: written,
  }
}

export function difference(now: Usage, before: Usage): Usage {
  return {
    inputTokens: Math.max(0, now.inputTokens - before.inputTokens),
    outputTokens: Math.max(0, now.outputTokens - before.outputTokens),
    cacheReadTokens: Math.max(0, now.cacheReadTokens - before.cacheReadTokens),
    cacheWriteTokens: Math.max(0, now.cacheWriteTokens - before.cacheWriteTokens),
  }
}

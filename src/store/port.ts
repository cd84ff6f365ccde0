// What durable truth looks like to the rest of the server: one port, two databases, queries written once.
//
// A query family is a generator: it yields compiled SQL and is handed the rows. SQLite drives it synchronously inside a SAVEPOINT of the
// event-loop tick's one transaction (group commit); PostgreSQL drives it in a transaction of its own. Whoever awaits `run` is answered
// after COMMIT: what it returns is on disk.

import type { Kysely } from 'kysely'
import type { Attempt } from '../core/attempt.ts'
import type { Condition } from '../core/condition.ts'
import type { AttemptId, DaemonId, TaskId } from '../core/id.ts'
import type { LogEntry } from '../core/log-entry.ts'
import type { OnRateLimit } from '../core/quota.ts'
import type { Requirements } from '../core/routing.ts'
import type { Task } from '../core/task.ts'
import type { ThinkingLevel } from '../core/thinking.ts'
import type { Attachment, ContextEntry } from '../protocol/context.ts'
import type { Usage } from '../protocol/events.ts'
import type { ProfileView } from '../protocol/fleet.ts'
import type { Continued } from '../protocol/session.ts'
import type { Autonomy, Budgets, Check, Evidence, WorkspaceMode } from '../protocol/task.ts'
import type { Schema } from './schema.ts'

export type Dialect = 'sqlite' | 'postgres'

/** Compiled SQL, as kysely's `compile()` gives it. */
export interface Query {
  readonly sql: string
  readonly parameters: readonly unknown[]
}

export type Row = Record<string, unknown>

/** What a yielded query answers: its rows (also those of RETURNING) and how many rows it changed. */
export interface Rows {
  readonly rows: readonly Row[]
  readonly changed: number
}

/** A command's body: yields queries, is sent rows, returns its answer. Never awaits, never reads a clock. */
export type Work<T> = Generator<Query, T, Rows>

export interface Tx {
  readonly dialect: Dialect
  /** The database's clock when the transaction began, ms since the epoch. */
  readonly now: number
  /** Compiles queries; it runs nothing by itself. */
  readonly db: Kysely<Schema>
  /** Sent to every replica after COMMIT; a hint, never needed for correctness. */
  notify(note: Note): void
}

export type Note =
  | { readonly kind: 'task'; readonly teamId: string; readonly taskId: string; readonly state: string }
  | { readonly kind: 'events'; readonly taskId: string; readonly attempt: number; readonly lastSeq: number }
  | { readonly kind: 'claimable'; readonly laneId: number }
  | { readonly kind: 'message'; readonly daemonId: string }
  | { readonly kind: 'fleet'; readonly teamId: string }
  | { readonly kind: 'token_revoked'; readonly tokenId: string }
  /** Between two servers, of terminals: never stored, lost while they do not hear each other. `to` null: whoever it concerns. */
  | { readonly kind: 'relay'; readonly from: string; readonly to: string | null; readonly body: unknown }

export interface Store {
  readonly dialect: Dialect
  /**
   * Runs a command; resolves when its changes are durable. A throw rolls back this command only. `work` may be called again (a conflict
   * with another replica), so it must not change anything outside the transaction.
   */
  run<T>(work: (tx: Tx) => Work<T>, options?: RunOptions): Promise<T>
  /** Runs queries that change nothing. */
  read<T>(work: (tx: Tx) => Work<T>): Promise<T>
  /** Hears the notes of all replicas. Returns how to stop. */
  listen(hear: (note: Note) => void): () => void
  /** Says something to the other replicas that is no change of the store; resolves when it was handed over, or is lost. SQLite: nobody is there. */
  tell(notes: readonly Note[]): Promise<void>
  /** Holds leadership while `work` runs; waits for it first. One holder among all replicas. SQLite: at once. */
  lead(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export interface RunOptions {
  /** Many small commands like this one come at once (creates, events): PostgreSQL commits those of a tick together, as SQLite always does. */
  readonly group?: true
  /** With `group`: none of these commands reads what another of them writes, so their statements may be sent as one. */
  readonly independent?: true
}

/** What a task says, fixed at creation; stored as one JSON document beside the columns that are searched. */
export interface TaskSpec {
  readonly title: string
  readonly prompt: string
  readonly input: Record<string, unknown>
  readonly model: string | null
  /** Null: as the profile says. Documents of an older server lack it. */
  readonly thinkingLevel?: ThinkingLevel | null
  readonly autonomy: Autonomy
  readonly workspace: {
    readonly mode: WorkspaceMode
    readonly scope: 'attempt' | 'session'
    readonly base: string | null
  }
  readonly checks: readonly Check[]
  readonly budgets: Budgets
  readonly runningTimeoutMs: number
  readonly setupTimeoutMs: number
  readonly checkTimeoutMs: number
  readonly failover: 'patient' | 'fast'
  readonly onStall: 'notify' | 'abort' | 'fail'
  readonly stallTimeoutMs: number
  /** Null: as the profile says. Documents of an older server lack it. */
  readonly onRateLimit?: OnRateLimit | null
  readonly outputSchema?: Readonly<Record<string, unknown>> | null
  readonly claimCondition: Condition | null
  readonly continueFrom: Continued | null
  /** Kept until a person lets it go; absent: no. */
  readonly held?: boolean
  /** Its agent runs in a terminal that people join; absent: no. */
  readonly interactive?: boolean
  readonly context: readonly ContextEntry[]
  readonly attachments: readonly (Attachment & { readonly bytes: number })[]
}

/** A task as the store keeps it: the state machine's part, what it says, and what is searched. */
export interface TaskRecord {
  readonly task: Task
  readonly spec: TaskSpec
  readonly needs: Requirements
  readonly teamId: string
  readonly priority: number
  readonly runAt: number | null
  readonly correlationId: string | null
  readonly sessionKey: string | null
  readonly causeId: string | null
  readonly hops: number
  readonly createdAt: number
  readonly createdBy: string
  readonly queuedAt: number | null
  readonly endedAt: number | null
  /** Same order as `task.attempts`. */
  readonly attempts: readonly AttemptRecord[]
  /** The daemon that alone may take it until then (its session lives there); `needs` says what holds afterwards. */
  readonly sticky: Sticky | null
}

export interface Sticky {
  readonly daemonId: string
  /** ms since the epoch. */
  readonly until: number
}

/** An attempt with what is live or reported about it, beside the state machine's part. */
export interface AttemptRecord {
  readonly attempt: Attempt
  readonly taskId: TaskId
  readonly daemonName: string
  readonly profileId: string | null
  readonly profileCid: string | null
  readonly harness: string | null
  readonly harnessVersion: string | null
  readonly model: string | null
  readonly containment: string | null
  /** The agent takes words while it works. */
  readonly takesMessages: boolean
  readonly sessionRef: string | null
  readonly runningAt: number | null
  readonly leaseUntil: number | null
  readonly lastHeartbeatAt: number | null
  readonly lastEventAt: number | null
  /** Requests that wait for a person: while there are some, its clocks stand still. */
  readonly asks: number
  /** Since when there are some; null: there are none. */
  readonly waitsSince: number | null
  /** How long it waited for people before that, ms. */
  readonly waitedMs: number
  readonly eventCount: number
  readonly outcome: Outcome | null
  readonly salvage: readonly { readonly at: number; readonly kind: string; readonly detail: string }[]
}

/** What the owner's final report said; kept whether or not it decided anything. */
export interface Outcome {
  readonly exitCode: number | null
  readonly signal: string | null
  readonly usage: Usage | null
  readonly costUsd: number | null
  /** Absent: no, or of an older server. */
  readonly costEstimated?: boolean
  readonly evidence: Evidence | null
  readonly output: unknown
  readonly outputCid: string | null
  readonly withheld: readonly string[]
  /** The conversation's files, when the host uploaded them. */
  readonly sessionCid?: string | null
}

/** Who changes something, and why: goes into the log beside each entry. */
export interface Cause {
  /** `user:NAME`, `daemon:NAME`, `server`. */
  readonly actor: string
  readonly cause: string | null
}

export interface NewTask {
  readonly id: TaskId
  readonly spec: TaskSpec
  readonly needs: Requirements
  readonly terms: Task['terms']
  readonly priority: number
  readonly runAt: number | null
  readonly correlationId: string | null
  readonly causeId: string | null
  readonly hops: number
  readonly createdBy: string
  /** With the hash of the whole body: the same key and body give the first task again, the same key and another body are refused. */
  readonly idempotency: { readonly key: string; readonly bodyHash: string } | null
  readonly stickyDaemon?: Sticky
  readonly sessionKey?: string
}

/** What a claim hands out. */
export interface Claimed {
  readonly record: TaskRecord
  readonly attemptId: AttemptId
  readonly n: number
  readonly epoch: number
  readonly daemonId: DaemonId
  readonly profile: ProfileView | null
}

export interface LoggedEntry {
  readonly seq: number
  readonly at: number
  readonly actor: string
  readonly cause: string | null
  readonly entry: LogEntry
}

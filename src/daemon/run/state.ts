// What the daemon remembers of one run: plain JSON, journalled at each step, so that a start-up after any crash knows where it stood.

import type { ApprovalRule } from '../../core/approval.ts'
import type { AttemptReason } from '../../core/reason.ts'
import type { ErrorClass, Usage } from '../../protocol/events.ts'
import type { Assignment } from '../../protocol/link.ts'
import type { Evidence } from '../../protocol/task.ts'
import type { RepoFile } from '../repos/repo-file.ts'
import type { Resumed } from '../session/resume.ts'
import type { RunHandle } from '../supervisor/run-folder.ts'
import type { Workspace } from '../workspace/port.ts'
import type { Held } from './own-config.ts'

/**
 * `claimed` → `prepared` (workspace, harness chosen) → `started` (the supervisor has it) → `ended` (the agent's end is known, its tree is
 * gone) → `captured` (evidence, checkpoint) → `reported` (the final report is in the outbox).
 */
export type Step = 'claimed' | 'prepared' | 'started' | 'ended' | 'captured' | 'reported'

export interface RunState {
  readonly assignment: Assignment
  readonly step: Step
  readonly claimedAt: number
  readonly workspace: Workspace | null
  readonly harness: string | null
  readonly harnessVersion: string | null
  /** The repository's trusted settings, or why its commands are skipped. */
  readonly repoFile: { readonly file: RepoFile; readonly skipped: string | null } | null
  readonly handle: RunHandle | null
  /** The sandbox it runs in, as it stands on the attempt; absent or null: none. */
  readonly box?: string | null
  readonly ending: Ending | null
  readonly evidence: Evidence | null
  readonly withheld: readonly string[]
  /** The conversation's files, in the run's folder until the server has them; null: there is none, or it stays here. */
  readonly sessionCid: string | null
  /** What the agent handed in, JSON; null: nothing that counts. */
  readonly output: unknown
  /** The number of the first event that comes of the agent's output; null until it is followed. */
  readonly followSeq: number | null
  /** Set while the output is read again because the journal was lost: the step that the run had reached. */
  readonly replayOf: 'ended' | 'captured' | null
  /** How much of its standard input the agent was started with, bytes; null: not started, or no pipe. */
  readonly inputBase: number | null
  /** What of earlier work the agent starts with; null: not decided yet, or nothing. */
  readonly resumed: Resumed | null
  /** What of the repository's own configuration of the agent does not count; null: all counts. Absent: not decided, or by an older daemon. */
  readonly held?: Held | null
  /** Commands that need nobody's leave, as they were when the run was prepared. */
  readonly rules: readonly ApprovalRule[]
  /** Who ended an interactive run; absent or null: nobody has. */
  readonly finishedBy?: string | null
}

/** How the agent ended: what the adapter concluded, or what the daemon did to it. */
export interface Ending {
  readonly at: number
  readonly exitCode: number | null
  readonly signal: string | null
  readonly failure: RunFailure | null
  readonly usage: Usage | null
  readonly costUsd: number | null
  /** Absent: no, or of an older daemon. */
  readonly costEstimated?: boolean
  readonly model: string | null
  readonly sessionRef: string | null
  readonly lastText: string | null
}

export interface RunFailure {
  readonly reason: AttemptReason
  readonly detail: string
  readonly class: ErrorClass | null
  readonly resetAt: number | null
}

export function newRunState(assignment: Assignment, now: number): RunState {
  return {
    assignment,
    step: 'claimed',
    claimedAt: now,
    workspace: null,
    harness: null,
    harnessVersion: null,
    repoFile: null,
    handle: null,
    ending: null,
    evidence: null,
    withheld: [],
    sessionCid: null,
    output: null,
    followSeq: null,
    replayOf: null,
    resumed: null,
    inputBase: null,
    rules: [],
  }
}

/** An end that the daemon itself concludes, without the agent's words. */
export function endedBy(failure: RunFailure, now: number): Ending {
  return {
    at: now,
    exitCode: null,
    signal: null,
    failure,
    usage: null,
    costUsd: null,
    model: null,
    sessionRef: null,
    lastText: null,
  }
}

export function failure(reason: AttemptReason, detail: string): RunFailure {
  return { reason, detail, class: null, resetAt: null }
}

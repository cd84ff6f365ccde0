// What Capstan must know of an agent CLI: how to find it, start it, read it, and tell whether it succeeded. One file per CLI implements this.

import type { AttemptReason } from '../../core/reason.ts'
import type { ErrorClass, EventBody, Usage } from '../../protocol/events.ts'
import type { HarnessFound } from '../../protocol/fleet.ts'
import type { Autonomy } from '../../protocol/task.ts'

/** What the host offers for looking around; given, so that adapters read neither the environment nor spawn by themselves. */
export interface HostProbe {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Full path of a program on PATH, or null. */
  which(program: string): string | null
  /** Standard output of a short command, or null when it fails or takes longer than 10 s. */
  output(file: string, args: readonly string[]): Promise<string | null>
  /** A small file's text, or null. */
  read(path: string): string | null
}

export interface RunInput {
  readonly prompt: string
  /** Where the prompt also lies as a file (0600), for templates with `{promptFile}`. */
  readonly promptFile: string
  readonly cwd: string
  readonly model: string | null
  readonly autonomy: Autonomy
  readonly maxTurns: number | null
  /** The agent's own id of the conversation to resume; null: a new one. */
  readonly sessionRef: string | null
  /** True when the run's user is root: some CLIs need a switch then. */
  readonly asRoot: boolean
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface Launch {
  readonly argv: readonly [string, ...string[]]
  /** Added to the run's environment: switches, never secrets in argv. */
  readonly env: Readonly<Record<string, string>>
  readonly stdin:
    | { readonly kind: 'null' }
    | { readonly kind: 'file'; readonly text: string }
    | { readonly kind: 'pipe'; readonly text: string }
  /** What was asked and this CLI cannot do; shown on the attempt. */
  readonly notHonoured: readonly string[]
}

export interface Line {
  readonly stream: 'stdout' | 'stderr'
  /** Without its line end. Invalid UTF-8 has become U+FFFD. */
  readonly text: string
}

export interface Reduced<S> {
  readonly state: S
  readonly events: readonly EventBody[]
}

export interface ExitFacts {
  readonly code: number | null
  readonly signal: string | null
  /** When it ended, ms since the epoch, as the exit file says; turns "try again at 2:27 AM" into an instant. Without it `resetAt` may stay null. */
  readonly at?: number
}

/** What the adapter concludes when the process has ended. Success needs the CLI's own terminal event, never the exit code alone. */
export type Verdict = Summary & ({ readonly ok: true } | Failure)

export interface Failure {
  readonly ok: false
  readonly reason: AttemptReason
  /** One sentence for a person, from the CLI's own words where it had some. */
  readonly detail: string
  readonly class: ErrorClass | null
  /** ms since the epoch, when a spent quota returns. */
  readonly resetAt: number | null
}

export interface Summary {
  readonly usage: Usage | null
  readonly costUsd: number | null
  readonly model: string | null
  readonly sessionRef: string | null
  /** The agent's last words, for a commit message or a summary. */
  readonly lastText: string | null
}

/**
 * `S` is the parser's state: plain JSON, because it is committed to the journal with the offset and the events after each batch of lines.
 * `reduce` and `finish` are pure: a restarted daemon replays from the last commit and must get the same events.
 * A `usage` event tells the attempt's total so far, not a difference: the newest one holds, and an exact one (no `estimate`) replaces the
 * estimates before it. `turn_end` ends the agent's whole answer to the prompt, not each call of the model.
 */
export interface Harness<S = unknown> {
  readonly name: string
  readonly title: string
  /** Chosen only when a task, profile or repository names it (shell: a prompt is not a script). */
  readonly explicit: boolean
  /** Its text events are lines of one plain output: what comes together is told together. */
  readonly plain?: true
  readonly autonomies: readonly Autonomy[]
  /** Variables of the host that reach the run: names, or prefixes that end in `*`. */
  readonly passEnv: readonly string[]
  /** Further names or prefixes, as the CLI's own configuration on this host says (a provider's key, a cloud's variables). */
  moreEnv?(host: HostProbe): readonly string[]
  detect(host: HostProbe): Promise<HarnessFound>
  launch(input: RunInput): Launch
  initial(): S
  reduce(state: S, line: Line): Reduced<S>
  finish(state: S, exit: ExitFacts): Verdict
}

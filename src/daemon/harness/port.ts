// What Capstan must know of an agent CLI: how to find it, start it, read it, and tell whether it succeeded. One file per CLI implements this.

import type { PriceTable } from '../../core/price.ts'
import type { AttemptReason } from '../../core/reason.ts'
import type { ErrorClass, EventBody, Usage } from '../../protocol/events.ts'
import type { HarnessFound } from '../../protocol/fleet.ts'
import type { Autonomy } from '../../protocol/task.ts'
import type { Tuning } from './given.ts'

/** What the host offers for looking around; given, so that adapters read neither the environment nor spawn by themselves. */
export interface HostProbe {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Full path of a program on PATH, or null. */
  which(program: string): string | null
  /** Standard output of a short command, or null when it fails or takes longer than 10 s. */
  output(file: string, args: readonly string[]): Promise<string | null>
  /** A small file's text, or null. */
  read(path: string): string | null
  /** Names in a folder; empty when there is none. */
  list(folder: string): readonly string[]
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
  /** False: what configures the CLI in the repository (hooks, servers, permissions) must not count, since the host's owner did not trust it. */
  readonly trusted: boolean
  /** What tokens cost the host's owner, for CLIs that tell tokens only; before the list of `core/price.ts`. */
  readonly prices?: PriceTable | undefined
  /** True when the run's user is root: some CLIs need a switch then. */
  readonly asRoot: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  /** The run's own MCP server, started by the CLI over stdio; null: none. Never a secret in `args`. */
  readonly mcp: McpBridge | null
  /** Where `Launch.files` will lie: a folder of the run, 0700, outside the workspace. */
  readonly filesDir: string
  readonly given: Given
}

/** What a profile and a task give beside the prompt; `nothingGiven` in given.ts. What stands in the prompt already is not here. */
export interface Given {
  readonly tuning: Tuning
  /** Among the agent's instructions, beside the repository's own. Null unless the adapter `takes` them. */
  readonly instructions: string | null
  /** None unless the adapter `takes` them. */
  readonly skills: readonly Skill[]
  /** Folders outside the workspace whose files the agent is to read. */
  readonly readable: readonly string[]
}

export interface Skill {
  readonly slug: string
  readonly description?: string | undefined
  readonly text: string
}

/** How the CLI starts the bridge to the run's MCP server. */
export interface McpBridge {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** What a reducer may know of its run. The same after a restart of the daemon, so that a replay gives the same. */
export type Brief = Pick<
  RunInput,
  'prompt' | 'cwd' | 'model' | 'autonomy' | 'maxTurns' | 'sessionRef' | 'trusted' | 'mcp' | 'prices'
>

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
  /** Files for this run alone, written (0600) into `RunInput.filesDir` before the start; a name may be a path below it. */
  readonly files?: readonly { readonly name: string; readonly text: string }[]
}

export interface Line {
  readonly stream: 'stdout' | 'stderr'
  /** Without its line end. Invalid UTF-8 has become U+FFFD. */
  readonly text: string
}

export interface Reduced<S> {
  readonly state: S
  readonly events: readonly EventBody[]
  /** Lines for the agent's standard input (kind `pipe`), without their ends: each reaches it once, also across restarts of the daemon. */
  readonly send?: readonly string[]
  /** End of file for the agent, after all that was sent. */
  readonly endInput?: true
  /**
   * The agent's work is over and its verdict is known, but its process may not end by itself (codex-acp stays after end of file). After a
   * short grace the runtime stops its tree; `finish` must then conclude as if it had left alone.
   */
  readonly done?: true
  /** What a person must decide now; each goes on when `answer` is called with its key. */
  readonly asks?: readonly Ask[]
  /** Keys of asks that the agent took back. */
  readonly withdrawn?: readonly string[]
  /** Of `message`: the words were not taken; an event says why. */
  readonly refused?: true
}

/** A permission or question an agent puts to a person. */
export interface Ask {
  /** The agent's own id of it, unique within the attempt. */
  readonly key: string
  readonly kind: 'permission' | 'question'
  /** One line: the command, the path, the question. */
  readonly title: string
  /** What exactly is asked, as the agent gave it: command, path, diff. */
  readonly body: Readonly<Record<string, unknown>>
  /** Empty: a question answered in words. */
  readonly options: readonly AskOption[]
  /** The shell text to be run, for rules that approve by themselves; null when it is not a command. */
  readonly command: string | null
}

export interface AskOption {
  readonly id: string
  readonly label: string
  /** `allow` once, `always` in this run or beyond, `deny`; `other` for choices that are neither. */
  readonly grants: 'allow' | 'always' | 'deny' | 'other'
}

/** What became of an ask. Neither option nor text: it expired or was withdrawn, and nothing is granted. */
export interface Answer {
  readonly key: string
  readonly optionId: string | null
  readonly text: string | null
}

/**
 * `read`: settings, which must not be an agent's to change: they start programs. `fresh`: a folder that is the run's own and empty but for what
 * else is named below it. `copy`: a file whose changes end with the run. `kept`: conversations, in a folder of sandboxed runs alone: what one
 * plants there never meets a CLI outside. `tokens`: a file of credentials, of which nothing but renewed tokens comes back.
 * The list has the same rows in the same order for every environment.
 */
export type HomePath =
  /** `made`: a folder that is made when it is not there yet, because the CLI would make it. */
  | { readonly path: string; readonly access: 'read'; readonly made?: true }
  | { readonly path: string; readonly access: 'fresh' | 'copy' }
  | { readonly path: string; readonly access: 'kept' }
  | { readonly path: string; readonly access: 'tokens'; readonly entries: readonly TokenEntry[] }

/** Tokens in a file of credentials that a CLI renews together. */
export interface TokenEntry {
  /** Keys from the top to the object that holds them; `*`: each key. */
  readonly at: readonly string[]
  /** Fields that it must have, such as `type: oauth`: others are no tokens, or start programs. */
  readonly having?: Readonly<Record<string, string>>
  readonly tokens: readonly string[]
  /** The field that says how long they hold: ms since the epoch, or a JSON web token with that claim. */
  readonly expires: string
  /** No new ones hold longer, ms from now. */
  readonly longestMs: number
  /** How long before their end the CLI may renew them, ms. Default: `renewalMs`. */
  readonly earlyMs?: number
  /** A field at the top of the file with the time of the renewal, as text. */
  readonly stamp?: string
}

/** How a repository configures a CLI: with what starts programs or grants permissions. Instructions are words and do not belong here. */
export interface RepoConfig {
  /** Names of files and folders, at the repository's root or in a folder on the way to the one the run works in. */
  readonly names: readonly string[]
  /** What becomes of them when they are not trusted. `held`: `launch` sees to it that they do not count. `obeyed`: nothing can, so there is no run. */
  readonly untrusted: 'held' | 'obeyed'
  /** The file of instructions that the CLI then leaves out too; the agent is told to read it. */
  readonly instructions?: string
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
  /** True: not the CLI's figure, but made of its tokens and the table of prices. Absent: it is the CLI's. */
  readonly costEstimated?: boolean
  readonly model: string | null
  readonly sessionRef: string | null
  /** The agent's last words, for a commit message or a summary. */
  readonly lastText: string | null
}

/** A credential store that one process at a time may renew: two that do so together sign each other out. */
export interface Credentials {
  readonly path: string
  /** Until when the CLI uses what lies there as it is, ms since the epoch; null: it is not there, or does not say. */
  readonly freshUntil: number | null
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
  /** Ways of its own for `RunInput.given`; what it has none for is put into the prompt. */
  readonly takes?: readonly ('instructions' | 'skills')[]
  /** Variables of the host that reach the run: names, or prefixes that end in `*`. */
  readonly passEnv: readonly string[]
  /** Further names or prefixes, as the CLI's own configuration on this host says (a provider's key, a cloud's variables). */
  moreEnv?(host: HostProbe): readonly string[]
  /** Its own files in its user's home, for a sandbox that hides the rest; absolute or `~/`. Without it: none. */
  homePaths?(env: HostProbe['env']): readonly HomePath[]
  /** Without it nobody knows what the CLI reads. */
  readonly repoConfig?: RepoConfig
  detect(host: HostProbe): Promise<HarnessFound>
  /** Tells apart the accounts that this CLI may be signed in to on this host, without a word of their credentials; null: it cannot be told. */
  account?(host: HostProbe): string | null
  /** The file of credentials that the CLI renews by itself, when it uses one here; null: it does not (a key). */
  credentials?(host: HostProbe): Credentials | null
  launch(input: RunInput): Launch
  /** The CLI in a terminal, for a person to join; its prompt is read from a file. Without it: it has no such form. */
  interactive?(input: RunInput): Omit<Launch, 'stdin'>
  /** Typed one after the other, with a pause between, they let the interactive CLI leave as a person would. */
  leaveKeys?: readonly string[]
  initial(): S
  reduce(state: S, line: Line, brief: Brief): Reduced<S>
  /** Adapters that ask: the answer as the CLI wants it. Pure, like `reduce`. */
  answer?(state: S, answer: Answer, brief: Brief): Reduced<S>
  /** Adapters that take words while they work: a message for the running conversation. Pure, like `reduce`. */
  message?(state: S, text: string, brief: Brief): Reduced<S>
  /** When the agent is gone: messages that it took and surely did not read, oldest first. */
  unread?(state: S): readonly string[]
  /** Adapters whose CLI can be told to end its turn, before its processes are: the run is being stopped. Pure, like `reduce`. */
  cancel?(state: S, brief: Brief): Reduced<S>
  /** The files on this host in which the conversation `ref` of a run in `cwd` is kept; empty: it cannot be resumed here. */
  sessionFiles?(host: HostProbe, session: { readonly ref: string; readonly cwd: string }): readonly string[]
  /** The folder they lie in, for CLIs whose conversations can be carried to another folder or host as files of lines; else absent. */
  sessionRoot?(host: HostProbe, run: { readonly cwd: string }): string
  /** A session file as it must read in another folder, for CLIs that refuse one whose folder is gone. Without it: as it is. */
  movedSession?(text: string, run: { readonly cwd: string }): string
  finish(state: S, exit: ExitFacts): Verdict
}

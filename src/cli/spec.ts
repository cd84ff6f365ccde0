// What a verb is, as data: enough for --help and parsing. Its code is loaded only when it runs.

import type { Setting, Value, Values } from '../lib/config.ts'
import type { Context } from './context.ts'

export interface OptionSpec extends Setting {
  /** One line in --help. */
  readonly summary: string
  /** What stands for the value in --help; flags have none. */
  readonly value?: string
  readonly short?: string
  /** Another spelling that is accepted and not shown. */
  readonly alias?: string
  readonly required?: true
  /** Not shown in --help. */
  readonly hidden?: true
  /** A flag that can also be switched off: what `--no-NAME` says in --help. */
  readonly negated?: string
}

interface ArgumentSpec {
  /** `id`, shown as `<id>`. */
  readonly name: string
  readonly summary: string
  readonly optional?: true
  readonly variadic?: true
}

export interface Given<O extends readonly OptionSpec[]> {
  readonly args: readonly string[]
  readonly options: Values<O>
  readonly json: boolean
}

/** Answers the process's exit code; nothing is 0. */
type Action<O extends readonly OptionSpec[]> = (given: Given<O>, context: Context) => Promise<number | undefined>

export interface VerbSpec {
  readonly name: string
  readonly summary: string
  readonly args: readonly ArgumentSpec[]
  readonly options: readonly OptionSpec[]
  /** Ready commands, each under 78 characters. */
  readonly examples: readonly string[]
  /** Other names: `drain` of `batch`. */
  readonly aliases: readonly string[]
  /** Runs until told to stop, and deals with signals itself. */
  readonly stays: boolean
  /** It can print JSON instead of words. */
  readonly json: boolean
  run(args: readonly string[], options: Readonly<Record<string, Value>>, context: Context): Promise<number | undefined>
}

export interface GroupSpec {
  readonly name: string
  readonly summary: string
  /** What `capstan NAME --flag` means when no verb is named. */
  readonly fallback: string | null
  readonly verbs: readonly VerbSpec[]
}

/** Top-level names in the order of --help; the rest is loaded when the name is in argv. */
export interface Entry {
  readonly name: string
  readonly summary: string
  load(): Promise<GroupSpec | VerbSpec>
}

interface VerbInput<O extends readonly OptionSpec[]> {
  readonly name: string
  readonly summary: string
  readonly args?: readonly ArgumentSpec[]
  readonly options: O
  readonly examples: readonly string[]
  readonly aliases?: readonly string[]
  readonly stays?: true
  /** False where what it prints is of a form already. */
  readonly json?: false
  load(): Promise<Action<O>>
}

/** Makes a verb whose code gets its options typed by its own table. */
export function verb<const O extends readonly OptionSpec[]>(input: VerbInput<O>): VerbSpec {
  return {
    name: input.name,
    summary: input.summary,
    args: input.args ?? [],
    options: input.options,
    examples: input.examples,
    aliases: input.aliases ?? [],
    stays: input.stays ?? false,
    json: input.json ?? true,
    async run(args, options, context) {
      const act = await input.load()
      // the parser read each option by this verb's table, so the record has that shape
      return act({ args, options: options as Values<O>, json: context.json }, context)
    },
  }
}

export const none = [] as const satisfies readonly OptionSpec[]

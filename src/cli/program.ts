// argv → one verb: commander is told only of the verb at hand, whose code is then loaded and run.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError, Option } from 'commander'
import { Problem } from '../core/problem.ts'
import { systemClock } from '../lib/clock.ts'
import type { Value } from '../lib/config.ts'
import { camel, readValue } from '../lib/config.ts'
import type { Env } from '../lib/env.ts'
import { capstanHome } from '../lib/env.ts'
import { packageRoot } from '../lib/package-files.ts'
import { nearest } from '../lib/suggest.ts'
import type { Context } from './context.ts'
import { exitCodeOf, exitCodes, failureLines, problemOfSystem } from './exit.ts'
import type { Typed } from './in-flags.ts'
import { inFlags } from './in-flags.ts'
import type { GroupSpec, OptionSpec, VerbSpec } from './spec.ts'
import type { Terminal } from './terminal.ts'
import { openTerminal } from './terminal.ts'
import { entries } from './verbs.ts'

interface Start {
  readonly env: Env
  readonly json: boolean
  /** Where the verb's exit code goes. */
  code: number
  /** `see: capstan task add --help`, once the verb is known. */
  hint: string
  typed: Typed
}

/** Answers the exit code; whatever goes wrong has been said on standard error. */
export async function runProgram(argv: readonly string[], env: Env): Promise<number> {
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv
  const start: Start = {
    env,
    json: own.includes('--json'),
    code: 0,
    hint: 'see: capstan --help',
    typed: { flags: [], args: [] },
  }
  try {
    await parse(helpLast(argv), start)
    return start.code
  } catch (error) {
    return report(error, start)
  }
}

async function parse(argv: readonly string[], start: Start): Promise<void> {
  const program = prepared(new Command('capstan'), [], start)
    .description('Runs coding agents on machines you own, from a durable queue.')
    .usage('VERB [options]')
    .version(version(), '-V, --version', 'Print the version')
    .helpCommand(false)
    .addHelpText('after', exampleText(['capstan up', 'capstan task add "fix the failing test" --follow']))
  for (const entry of entries) {
    if (entry.name !== argv[0]) program.addCommand(new Command(entry.name).description(entry.summary))
    else {
      const spec = await entry.load()
      program.addCommand('verbs' in spec ? groupCommand(spec, argv, start) : verbCommand(spec, [], start))
    }
  }
  if (argv.length === 0) program.outputHelp()
  else await program.parseAsync(argv, { from: 'user' })
}

/** `capstan help task add` is `capstan task add --help`. */
function helpLast(argv: readonly string[]): readonly string[] {
  return argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv
}

function groupCommand(group: GroupSpec, argv: readonly string[], start: Start): Command {
  const command = prepared(new Command(group.name), [group.name], start).description(group.summary).helpCommand(false)
  const named = argv[1]
  if (group.fallback !== null && named !== undefined && !named.startsWith('-')) refuseUnknown(group, named, start)
  for (const verb of group.verbs)
    command.addCommand(verbCommand(verb, [group.name], start), { isDefault: verb.name === group.fallback })
  const examples = group.verbs.flatMap((verb) => verb.examples.slice(0, 1)).slice(0, 4)
  return command.usage('VERB [options]').addHelpText('after', exampleText(examples))
}

/** A group with a fallback would take a misspelt verb for its argument. */
function refuseUnknown(group: GroupSpec, named: string, start: Start): void {
  const names = group.verbs.flatMap((verb) => [verb.name, ...verb.aliases])
  if (names.includes(named)) return
  const near = nearest(named, names)
  start.hint = `see: capstan ${group.name} --help`
  throw new Problem('usage', `unknown command '${named}'${near === null ? '' : ` (Did you mean ${near}?)`}`)
}

function verbCommand(verb: VerbSpec, above: readonly string[], start: Start): Command {
  const command = prepared(new Command(verb.name), [...above, verb.name], start)
    .description(verb.summary)
    .aliases([...verb.aliases])
    .addHelpText('after', exampleText(verb.examples))
  for (const { name, summary, optional, variadic } of verb.args) {
    const shown = `${name}${variadic === true ? '...' : ''}`
    command.argument(optional === true ? `[${shown}]` : `<${shown}>`, summary)
  }
  for (const option of verb.options) for (const each of commanderOptions(option)) command.addOption(each)
  if (verb.json) command.option('--json', 'Print JSON')
  return command.action(async () => {
    start.hint = `see: capstan ${[...above, verb.name, '--help'].join(' ')}`
    start.typed = { flags: verb.options.map((option) => option.name), args: verb.args.map((arg) => arg.name) }
    const options = readOptions(verb.options, command)
    const context = openContext(start, verb.stays)
    start.code = (await runVerb(verb, command.args, { options, context })) ?? exitCodes.ok
  })
}

async function runVerb(
  verb: VerbSpec,
  args: readonly string[],
  given: { options: Readonly<Record<string, Value>>; context: Interruptible },
): Promise<number | undefined> {
  try {
    return await verb.run(args, given.options, given.context)
  } catch (error) {
    if (given.context.interruptedBy() === null) throw error
  }
  return given.context.interruptedBy() === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted
}

/** What every command has: our help at 80 columns, and failures that are thrown instead of printed. */
function prepared(command: Command, path: readonly string[], start: Start): Command {
  return command
    .configureHelp({ helpWidth: 80, subcommandTerm: (each) => [each.name(), ...argumentTerms(each)].join(' ') })
    .configureOutput({ outputError: () => {}, writeErr: (text) => void process.stderr.write(text) })
    .helpOption('-h, --help', 'Print this')
    .exitOverride((error) => {
      start.hint = `see: capstan ${[...path, '--help'].join(' ')}`
      throw error
    })
}

/** `show <id>`: options are in the verb's own help. */
function argumentTerms(command: Command): readonly string[] {
  return command.registeredArguments.map((each) => {
    const name = each.variadic ? `${each.name()}...` : each.name()
    return each.required ? `<${name}>` : `[${name}]`
  })
}

function commanderOptions(option: OptionSpec): readonly Option[] {
  const value = option.kind === 'flag' ? '' : ` <${option.value ?? option.kind}>`
  const short = option.short === undefined ? '' : `-${option.short}, `
  const made = [new Option(`${short}--${option.name}${value}`, describe(option)).hideHelp(option.hidden === true)]
  if (option.negated !== undefined) made.push(new Option(`--no-${option.name}`, option.negated))
  if (option.alias !== undefined) made.push(new Option(`--${option.alias}${value}`).hideHelp())
  if (option.required === true) made[0]?.makeOptionMandatory()
  if (option.kind === 'list' || option.kind === 'map') {
    for (const each of made) each.argParser((text: string, before?: readonly string[]) => [...(before ?? []), text])
  }
  return made
}

function describe(option: OptionSpec): string {
  return option.choices === undefined ? option.summary : `${option.summary} (${option.choices.join(' | ')})`
}

function readOptions(specs: readonly OptionSpec[], command: Command): Readonly<Record<string, Value>> {
  const options: Record<string, Value> = {}
  for (const spec of specs) {
    const name = [spec.name, spec.alias].find(
      (each) => each !== undefined && command.getOptionValueSource(camel(each)) === 'cli',
    )
    if (name === undefined) continue
    const raw: unknown = command.getOptionValue(camel(name))
    // An empty one of several, such as an unset variable, would go unnoticed.
    const blank = Array.isArray(raw) && raw.some((item) => String(item).trim() === '')
    const reading = blank ? ({ ok: false, expected: 'a text that is not empty' } as const) : readValue(spec, raw)
    if (reading.ok) options[camel(spec.name)] = reading.value
    else
      throw new Problem('usage', `--${name} must be ${reading.expected}, not "${blank ? '' : [raw].flat().join(' ')}"`)
  }
  return options
}

interface Interruptible extends Context {
  interruptedBy(): NodeJS.Signals | null
}

function openContext(start: Start, stays: boolean): Interruptible {
  const { env } = start
  const abort = new AbortController()
  let by: NodeJS.Signals | null = null
  const interrupt = (signal: NodeJS.Signals) => {
    if (by !== null) process.exit(exitCodes.interrupted)
    by = signal
    abort.abort(new Problem('unavailable', `stopped by ${signal}`))
  }
  if (!stays) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt)
  return {
    env,
    cwd: process.cwd(),
    home: capstanHome(env),
    version: version(),
    clock: systemClock,
    terminal: openTerminal(env, stays),
    json: start.json,
    signal: abort.signal,
    interruptedBy: () => by,
  }
}

function report(error: unknown, start: Start): number {
  if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok
  if (error instanceof CommanderError && error.code === 'commander.help') return exitCodes.usage
  const terminal = openTerminal(start.env, false)
  const problem = asProblem(error)
  if (problem === null) return reportFault(error, terminal)
  if (start.json) terminal.note(JSON.stringify(problem.toBody()))
  else terminal.note(...linesOf(problem, start))
  return exitCodeOf(problem)
}

/** What was typed is named as it was typed; the verb's own help says more than the remedy of a request. */
function linesOf(problem: Problem, { hint, typed }: Start): readonly string[] {
  if (problem.code === 'usage') return failureLines(problem, hint)
  if (problem.code !== 'invalid_request') return failureLines(problem)
  return failureLines(new Problem(problem.code, inFlags(problem.detail, typed)), hint)
}

function asProblem(error: unknown): Problem | null {
  if (error instanceof Problem) return error
  if (!(error instanceof CommanderError)) return problemOfSystem(error)
  const text = error.message.replace(/^error: /, '').replace(/\s+/g, ' ')
  const quoted = error.code === 'commander.excessArguments' ? ' Quote a text that has spaces.' : ''
  return new Problem('usage', text + quoted)
}

/** Not the user's doing: the stack is what we need to mend it. */
function reportFault(error: unknown, terminal: Terminal): number {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  terminal.note(`capstan: this is a fault in Capstan: ${text}`)
  return exitCodes.software
}

function exampleText(examples: readonly string[]): string {
  return examples.length === 0 ? '' : `\nExamples:\n${examples.map((line) => `  $ ${line}`).join('\n')}`
}

function version(): string {
  const text = readFileSync(join(packageRoot, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version // our own package.json
}

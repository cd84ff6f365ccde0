// A command of the host's own, from `[harness.NAME]` in daemon.toml; never from the server. It is judged by its exit code alone.

import { z } from 'zod'
import { Problem } from '../../core/problem.ts'
import { checkedTable, commandFields, detectCommand } from './command-table.ts'
import { untuned } from './given.ts'
import type { PlainState } from './plain-output.ts'
import { finishPlain, initialPlainState, reducePlain } from './plain-output.ts'
import type { Harness, Launch, RunInput } from './port.ts'

const settings = z.strictObject({
  protocol: z.literal('plain').optional(),
  ...commandFields,
  stdin: z.boolean().default(false).describe('The prompt comes on standard input'),
})
type Settings = z.infer<typeof settings>

const fields = ['prompt', 'promptFile', 'cwd', 'model', 'sessionId', 'mcpConfig'] as const
type Field = (typeof fields)[number]
const fieldPattern = /(?<!\$)\{([A-Za-z]+)\}/g

/** Linux takes no longer single argument (MAX_ARG_STRLEN), in bytes. */
const maxArgument = 131_071

/** Makes a harness of one `[harness.NAME]` table. Throws `configuration`, naming the setting and the remedy. */
export function customHarness(name: string, table: unknown): Harness<PlainState> {
  const config = checked(name, table)
  return {
    name,
    title: name,
    explicit: false,
    plain: true,
    autonomies: ['full'],
    passEnv: config.passEnv,
    detect: (host) => detectCommand(name, config.command, host),
    launch: (input) => launch(name, config, input),
    initial: initialPlainState,
    reduce: reducePlain,
    finish: (state, exit) => finishPlain(name, state, exit),
  }
}

function checked(name: string, table: unknown): Settings {
  const config = checkedTable(name, settings, table)
  for (const arg of config.args) checkFields(`[harness.${name}]`, arg)
  checkPrompt(`[harness.${name}]`, config)
  return config
}

function checkFields(where: string, arg: string): void {
  for (const [whole, field] of arg.matchAll(fieldPattern)) {
    if (isField(field)) continue
    const known = fields.map((each) => `{${each}}`).join(' ')
    throw new Problem('configuration', `${where} args: ${whole} is not known; use ${known}, or move it into a script`)
  }
}

/** Said rather than guessed: a command that gets no prompt would look like an agent that did nothing. */
function checkPrompt(where: string, { args, stdin }: Settings): void {
  const inArguments = args.some((arg) => arg.includes('{prompt}') || arg.includes('{promptFile}'))
  if (inArguments !== stdin) return
  const sentence = stdin
    ? 'stdin = true and {prompt} or {promptFile} in args: give the prompt one way, leave the other out'
    : 'nothing takes the prompt: put {promptFile} or {prompt} into args, or set stdin = true'
  throw new Problem('configuration', `${where} ${sentence}`)
}

function isField(text: string | undefined): text is Field {
  return (fields as readonly (string | undefined)[]).includes(text) // widened only to search it
}

function launch(name: string, config: Settings, input: RunInput): Launch {
  const uses = (field: Field) => config.args.some((arg) => arg.includes(`{${field}}`))
  const values: Readonly<Record<Field, string | null>> = {
    prompt: input.prompt,
    promptFile: input.promptFile,
    cwd: input.cwd,
    model: input.model,
    sessionId: input.sessionRef,
    mcpConfig: input.mcp === null ? null : (input.env.CAPSTAN_MCP_CONFIG ?? null),
  }
  const args = filled(config.args, values)
  if (args.some((arg) => Buffer.byteLength(arg) > maxArgument)) {
    const detail = `the prompt is too long for an argument of ${name} (${maxArgument} bytes); use {promptFile} in its args`
    throw new Problem('configuration', detail)
  }
  return {
    argv: [config.command, ...args],
    env: config.env,
    stdin: config.stdin ? { kind: 'file', text: input.prompt } : { kind: 'null' },
    notHonoured: [
      ...(input.model !== null && !uses('model') ? [`model: the args of ${name} have no {model}`] : []),
      ...(input.sessionRef !== null && !uses('sessionId') ? [`session: the args of ${name} have no {sessionId}`] : []),
      ...(input.maxTurns !== null ? [`maxTurns: ${name} has no such limit`] : []),
      ...untuned(name, input.given.tuning, []),
    ],
  }
}

/** An argument whose field has no value is left out, and with it the flag that stands alone before it (`--model {model}`). */
function filled(args: readonly string[], values: Readonly<Record<Field, string | null>>): readonly string[] {
  const out: string[] = []
  for (const arg of args) {
    const names = [...arg.matchAll(fieldPattern)].flatMap(([, field]) => (isField(field) ? [field] : []))
    if (names.every((field) => values[field] !== null)) {
      out.push(arg.replace(fieldPattern, (whole, field) => (isField(field) ? (values[field] ?? '') : whole)))
      continue
    }
    if (/^\{\w+\}$/.test(arg) && /^-[^=]*$/.test(out.at(-1) ?? '')) out.pop()
  }
  return out
}

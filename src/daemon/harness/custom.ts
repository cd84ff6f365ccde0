// A command of the host's own, from `[harness.NAME]` in daemon.toml; never from the server. It is judged by its exit code alone.

import { z } from 'zod'
import { Problem } from '../../core/problem.ts'
import type { HarnessFound } from '../../protocol/fleet.ts'
import { name as harnessName } from '../../protocol/names.ts'
import type { PlainState } from './plain-output.ts'
import { finishPlain, initialPlainState, reducePlain } from './plain-output.ts'
import type { Harness, HostProbe, Launch, RunInput } from './port.ts'

const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'use letters, digits and _ in a variable’s name')
const pattern = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*\*?$/, 'name a variable, or a prefix that ends in *')
const settings = z.strictObject({
  command: z.string().min(1).describe('A program on PATH, or an absolute path'),
  args: z.array(z.string()).default([]),
  env: z.record(variable, z.string()).default({}).describe('Switches; secrets belong into the secrets folder'),
  passEnv: z.array(pattern).default([]).describe('Variables of the host that reach the run'),
})
type Settings = z.infer<typeof settings>

const fields = ['prompt', 'promptFile', 'cwd', 'model', 'sessionId'] as const
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
    detect: (host) => detect(name, config, host),
    launch: (input) => launch(name, config, input),
    initial: initialPlainState,
    reduce: reducePlain,
    finish: (state, exit) => finishPlain(name, state, exit),
  }
}

function checked(name: string, table: unknown): Settings {
  const where = `[harness.${name}]`
  const named = harnessName.safeParse(name)
  if (!named.success) throw new Problem('configuration', `${where}: ${named.error.issues[0]?.message}`)
  const read = settings.safeParse(table)
  if (!read.success) {
    const issue = read.error.issues[0]
    throw new Problem('configuration', `${where} ${issue?.path.join('.') ?? ''}: ${issue?.message}`.replace(' :', ':'))
  }
  const { command, args, env } = read.data
  if (command.includes('/') && !command.startsWith('/')) {
    throw new Problem(
      'configuration',
      `${where} command: ${command} is relative; give an absolute path or a name on PATH`,
    )
  }
  const own = Object.keys(env).find((key) => key.startsWith('CAPSTAN_') || key.startsWith('npm_'))
  if (own !== undefined) throw new Problem('configuration', `${where} env: ${own} is reserved; use another name`)
  for (const arg of args) checkFields(where, arg)
  return read.data
}

function checkFields(where: string, arg: string): void {
  for (const [whole, field] of arg.matchAll(fieldPattern)) {
    if (isField(field)) continue
    const known = fields.map((each) => `{${each}}`).join(' ')
    throw new Problem('configuration', `${where} args: ${whole} is not known; use ${known}, or move it into a script`)
  }
}

function isField(text: string | undefined): text is Field {
  return (fields as readonly (string | undefined)[]).includes(text) // widened only to search it
}

async function detect(name: string, config: Settings, host: HostProbe): Promise<HarnessFound> {
  const found = host.which(config.command) !== null
  const problem = `${config.command} is not on PATH: install it, or correct command in [harness.${name}] of daemon.toml`
  return { name, version: null, ready: found, problem: found ? null : problem }
}

function launch(name: string, config: Settings, input: RunInput): Launch {
  const uses = (field: Field) => config.args.some((arg) => arg.includes(`{${field}}`))
  const values: Readonly<Record<Field, string | null>> = {
    prompt: input.prompt,
    promptFile: input.promptFile,
    cwd: input.cwd,
    model: input.model,
    sessionId: input.sessionRef,
  }
  const args = filled(config.args, values)
  if (args.some((arg) => Buffer.byteLength(arg) > maxArgument)) {
    const detail = `the prompt is too long for an argument of ${name} (${maxArgument} bytes); use {promptFile} in its args`
    throw new Problem('configuration', detail)
  }
  const inArguments = uses('prompt') || uses('promptFile')
  return {
    argv: [config.command, ...args],
    env: config.env,
    stdin: inArguments ? { kind: 'null' } : { kind: 'file', text: input.prompt },
    notHonoured: [
      ...(input.model !== null && !uses('model') ? [`model: the args of ${name} have no {model}`] : []),
      ...(input.sessionRef !== null && !uses('sessionId') ? [`session: the args of ${name} have no {sessionId}`] : []),
      ...(input.maxTurns !== null ? [`maxTurns: ${name} has no such limit`] : []),
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

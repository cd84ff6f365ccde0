// Any command that speaks the Agent Client Protocol over its standard streams: `[harness.NAME] protocol = "acp"` in daemon.toml.

import { z } from 'zod'
import { Problem } from '../../core/problem.ts'
import { opening } from './acp-start.ts'
import type { AcpState } from './acp-state.ts'
import { acpConversation } from './acp-stream.ts'
import { checkedTable, commandFields, detectCommand } from './command-table.ts'
import type { Tuning } from './given.ts'
import { untuned } from './given.ts'
import type { Harness, Launch, RunInput } from './port.ts'

const settings = z.strictObject({
  protocol: z.literal('acp'),
  ...commandFields,
  title: z.string().min(1).max(60).optional().describe('How sentences call the agent'),
  authMethod: z.string().min(1).optional().describe('The agent’s own id of the way to sign in'),
})

/** One ACP agent: what a harness must say beside the conversation, which is the same for all. */
export interface AcpCommand {
  readonly name: string
  readonly title: string
  /** The command for one run. */
  argv(input: RunInput): Launch['argv']
  readonly env: Readonly<Record<string, string>>
  readonly passEnv: readonly string[]
  /** The agent's id of a way to sign in that needs nobody; null: those that read a variable are tried. */
  readonly authMethod: string | null
  /** `argv` honours the model. */
  readonly modelInArgs: boolean
  readonly detect: Harness['detect']
}

/** Makes a harness of a command that speaks ACP. A built-in agent that speaks it is made the same way. */
export function acpAdapter(command: AcpCommand): Harness<AcpState> {
  const { name, title, authMethod, modelInArgs, passEnv, detect } = command
  return {
    name,
    title,
    explicit: false,
    autonomies: ['full', 'edit', 'ask'],
    passEnv,
    detect,
    launch: (input) => acpLaunch(command, input),
    ...acpConversation({ title, authMethod, modelInArgs }),
  }
}

/** The start of an ACP conversation: the prompt follows when the agent has opened its session. */
export function acpLaunch(
  command: Pick<AcpCommand, 'argv' | 'env' | 'title'> & { readonly able?: readonly (keyof Tuning)[] },
  input: RunInput,
): Launch {
  return {
    argv: command.argv(input),
    env: command.env,
    stdin: { kind: 'pipe', text: `${opening()}\n` },
    notHonoured: [
      ...(input.maxTurns === null ? [] : [`maxTurns: ${command.title} takes no limit of turns by ACP`]),
      ...untuned(command.title, input.given.tuning, command.able ?? []),
    ],
  }
}

/** Makes a harness of one `[harness.NAME]` table. Throws `configuration`, naming the setting and the remedy. */
export function acpHarness(name: string, table: unknown): Harness<AcpState> {
  const config = checkedTable(name, settings, table)
  const { command, args, env, passEnv, title = name, authMethod = null } = config
  for (const arg of args) checkArgument(name, arg)
  return acpAdapter({
    name,
    title,
    argv: (input) => [command, ...filled(args, input)],
    env,
    passEnv,
    authMethod,
    modelInArgs: args.some((arg) => arg.includes('{model}')),
    detect: (host) => detectCommand(name, command, host),
  })
}

const field = /(?<!\$)\{([A-Za-z]+)\}/g

function checkArgument(name: string, arg: string): void {
  for (const [whole, word] of arg.matchAll(field)) {
    if (word === 'cwd' || word === 'model') continue
    const remedy = 'use {cwd} or {model}; the prompt travels by the protocol'
    throw new Problem('configuration', `[harness.${name}] args: ${whole} is not known to an ACP agent; ${remedy}`)
  }
}

/** Without a model, its argument is left out together with the flag that stands alone before it. */
function filled(args: readonly string[], input: RunInput): readonly string[] {
  const out: string[] = []
  for (const arg of args) {
    if (input.model === null && arg.includes('{model}')) {
      if (arg === '{model}' && /^-[^=]*$/.test(out.at(-1) ?? '')) out.pop()
      continue
    }
    out.push(arg.replace(field, (_whole, word) => (word === 'cwd' ? input.cwd : (input.model ?? ''))))
  }
  return out
}

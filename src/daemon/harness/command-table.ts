// What all `[harness.NAME]` tables of daemon.toml have in common: a command, its arguments, its environment.

import { z } from 'zod'
import { Problem } from '../../core/problem.ts'
import type { HarnessFound } from '../../protocol/fleet.ts'
import { name as harnessName } from '../../protocol/names.ts'
import type { HostProbe } from './port.ts'

const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'use letters, digits and _ in a variable’s name')
const pattern = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*\*?$/, 'name a variable, or a prefix that ends in *')

export const commandFields = {
  command: z.string().min(1).describe('A program on PATH, or an absolute path'),
  args: z.array(z.string()).default([]),
  env: z.record(variable, z.string()).default({}).describe('Switches; secrets belong into the secrets folder'),
  passEnv: z.array(pattern).default([]).describe('Variables of the host that reach the run'),
}

interface Command {
  readonly command: string
  readonly env: Readonly<Record<string, string>>
}

/** Reads one table. Throws `configuration`, naming the setting and the remedy. */
export function checkedTable<T extends Command>(name: string, settings: z.ZodType<T>, table: unknown): T {
  const where = `[harness.${name}]`
  const named = harnessName.safeParse(name)
  if (!named.success) throw new Problem('configuration', `${where}: ${named.error.issues[0]?.message}`)
  const read = settings.safeParse(table)
  if (!read.success) {
    const issue = read.error.issues[0]
    throw new Problem('configuration', `${where} ${issue?.path.join('.') ?? ''}: ${issue?.message}`.replace(' :', ':'))
  }
  const { command, env } = read.data
  if (command.includes('/') && !command.startsWith('/')) {
    throw new Problem(
      'configuration',
      `${where} command: ${command} is relative; give an absolute path or a name on PATH`,
    )
  }
  const own = Object.keys(env).find((key) => key.startsWith('CAPSTAN_') || key.startsWith('npm_'))
  if (own !== undefined) throw new Problem('configuration', `${where} env: ${own} is reserved; use another name`)
  return read.data
}

/** Nothing is asked of the command itself: one that does not know `--version` could start working. */
export async function detectCommand(name: string, command: string, host: HostProbe): Promise<HarnessFound> {
  const found = host.which(command) !== null
  const problem = `${command} is not on PATH: install it, or correct command in [harness.${name}] of daemon.toml`
  return { name, version: null, ready: found, problem: found ? null : problem }
}

// Every harness this host knows: one line per built-in one, in the order in which a host prefers them, then the host's own.

import { Problem } from '../../core/problem.ts'
import { acpHarness } from './acp.ts'
import { claudeCode } from './claude-code.ts'
import { codex } from './codex.ts'
import { customHarness } from './custom.ts'
import { oneLine } from './cut.ts'
import { geminiCli } from './gemini-cli.ts'
import { objectOf } from './json.ts'
import { opencode } from './opencode.ts'
import { pi } from './pi.ts'
import type { Harness } from './port.ts'
import { shell } from './shell.ts'

export const builtIn: readonly Harness[] = [
  claudeCode, //
  codex,
  geminiCli,
  opencode,
  pi,
  shell,
]

/** `tables`: `[harness.NAME]` of daemon.toml, by name. Throws `configuration` for a table that is not valid or takes a built-in name. */
export function makeRegistry(tables: Readonly<Record<string, unknown>> = {}): readonly Harness[] {
  const own = Object.entries(tables).map(([name, table]) => {
    if (builtIn.some((harness) => harness.name === name)) {
      throw new Problem('configuration', `[harness.${name}] has the name of a built-in harness; use another name`)
    }
    return ownHarness(name, table)
  })
  return [...builtIn, ...own]
}

/** `protocol` says how the command talks; without one it only prints. */
function ownHarness(name: string, table: unknown): Harness {
  const protocol = objectOf(table)?.protocol
  if (protocol === 'acp') return acpHarness(name, table)
  if (protocol === undefined || protocol === 'plain') return customHarness(name, table)
  throw new Problem(
    'configuration',
    `[harness.${name}] protocol: ${oneLine(String(protocol), 40)} is not known; use acp or plain`,
  )
}

export function findHarness(registry: readonly Harness[], name: string): Harness | null {
  return registry.find((harness) => harness.name === name) ?? null
}

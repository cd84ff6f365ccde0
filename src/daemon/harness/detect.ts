// Is a CLI here, which version, and signed in? Each answer that is no comes with its remedy.

import type { HarnessFound } from '../../protocol/fleet.ts'
import { oneLine } from './cut.ts'
import type { HostProbe } from './port.ts'

export interface Program {
  readonly name: string
  readonly program: string
  /** The command that installs it. */
  readonly install: string
  /** Null when signed in, else a sentence with the remedy. */
  readonly signIn: () => string | null | Promise<string | null>
}

export async function detectProgram(host: HostProbe, program: Program): Promise<HarnessFound> {
  const { name } = program
  const path = host.which(program.program)
  if (path === null) {
    const problem = `${program.program} is not on PATH: install it with ${program.install}`
    return { name, version: null, ready: false, problem }
  }
  const answer = await host.output(path, ['--version'])
  if (answer === null) {
    const problem = `${path} did not answer --version within 10 s: run it by hand, or install it again with ${program.install}`
    return { name, version: null, ready: false, problem }
  }
  const version = /\d+\.\d+[^\s)]*/.exec(answer)?.[0] ?? oneLine(answer, 100)
  const problem = await program.signIn()
  return { name, version, ready: problem === null, problem }
}

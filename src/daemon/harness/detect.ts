// Is a CLI here, which version, and signed in? Each answer that is no comes with its remedy.

import type { HarnessFound } from '../../protocol/fleet.ts'
import { oneLine } from './cut.ts'
import type { HostProbe } from './port.ts'

export interface Program {
  readonly name: string
  readonly program: string
  /** The command that installs it. */
  readonly install: string
  /** The oldest version that speaks as the adapter expects: `0.80.4`. Left out where none that does not is known. */
  readonly minimum?: string
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
  if (program.minimum !== undefined && isOlder(version, program.minimum)) {
    const problem = `${path} is ${version}, too old: update it to ${program.minimum} or newer with ${program.install}`
    return { name, version, ready: false, problem }
  }
  const problem = await program.signIn()
  return { name, version, ready: problem === null, problem }
}

/** By the numbers between the dots; what follows them (`-beta.1`) does not count. A version without numbers is not called old. */
export function isOlder(version: string, minimum: string): boolean {
  const [have, need] = [numbersOf(version), numbersOf(minimum)]
  for (const [index, number] of need.entries()) {
    const own = have[index]
    if (own !== undefined && own !== number) return own < number
    if (own === undefined) return have.length > 0 && number > 0
  }
  return false
}

function numbersOf(version: string): readonly number[] {
  const [dotted = ''] = /^\d+(?:\.\d+)*/.exec(version) ?? []
  return dotted === '' ? [] : dotted.split('.').map(Number)
}

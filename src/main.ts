// The bin: parses argv and runs one verb.

import { runProgram } from './cli/program.ts'
import { flush, guardOutput } from './cli/terminal.ts'
import { processEnv } from './lib/env.ts'

/** Runs the command line and ends the process with its exit code. */
export async function run(argv: readonly string[]): Promise<void> {
  guardOutput()
  const code = await runProgram(argv, processEnv())
  await flush()
  process.exit(code)
}

if (import.meta.main) await run(process.argv.slice(2))

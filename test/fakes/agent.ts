// A scripted agent CLI: plays a transcript on its standard output and error, then ends as the transcript says.
// Usage: node agent.ts TRANSCRIPT     Its lines: `out TEXT`, `err TEXT`, `exit CODE`, `kill SIGNAL`; without an end it exits 0.

import { readFileSync, writeSync } from 'node:fs'

for (const line of readFileSync(process.argv[2] ?? '', 'utf8').split('\n')) {
  const space = line.indexOf(' ')
  const verb = space === -1 ? line : line.slice(0, space)
  const rest = line.slice(space + 1)
  // Synchronous, so that nothing is lost when the agent kills itself on the next line.
  if (verb === 'out') writeSync(1, `${rest}\n`)
  if (verb === 'err') writeSync(2, `${rest}\n`)
  if (verb === 'exit') process.exit(Number(rest))
  if (verb === 'kill') process.kill(process.pid, rest as NodeJS.Signals) // the transcript is ours
}

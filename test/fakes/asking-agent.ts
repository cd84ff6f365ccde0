// A scripted agent CLI that talks: one JSON object per line in and out. It asks what its script says, all at once, does what it is allowed,
// echoes every line it gets, and ends when its input ends.
// Usage: node asking-agent.ts '[{"id":"a","command":"touch a"}, …]'     Once all are answered it says {"type":"done"}.

import { execSync } from 'node:child_process'
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'

interface Script {
  readonly id: string
  readonly command: string
}

const open = new Map<string, Script>((JSON.parse(process.argv[2] ?? '[]') as Script[]).map((each) => [each.id, each])) // the test's own
const say = (what: object) => writeSync(1, `${JSON.stringify(what)}\n`)

say({ type: 'hello' })
for (const { id, command } of open.values()) say({ type: 'ask', id, command })
for await (const line of createInterface({ input: process.stdin })) {
  if (line === '') continue
  say({ type: 'got', line })
  const { id, decision } = JSON.parse(line) as { id?: string; decision?: string } // the test's own
  const asked = open.get(id ?? '')
  if (asked === undefined) continue
  open.delete(asked.id)
  if (decision === 'allow') execSync(asked.command)
  if (open.size === 0) say({ type: 'done' })
}
say({ type: 'bye' })

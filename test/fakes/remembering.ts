// A scripted `claude` with a memory: it keeps each prompt in a session file where the real one does, runs a prompt's `$ command` lines, and
// says what it remembers. Run as: node remembering.ts -p … [--resume ID]

import { execSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const args = process.argv.slice(2)
if (args.includes('--version')) {
  console.log('2.1.329 (Claude Code)')
  process.exit(0)
}
const at = args.indexOf('--resume')
const resumed = at < 0 ? null : (args[at + 1] ?? null)
const folder = join(process.env.CLAUDE_CONFIG_DIR ?? '', 'projects', process.cwd().replaceAll(/[^A-Za-z0-9]/g, '-'))
const id = resumed ?? randomUUID()
const file = join(folder, `${id}.jsonl`)
if (resumed !== null && !existsSync(file)) {
  console.error(`No conversation found with session ID: ${resumed}`)
  process.exit(1)
}
const prompt = readFileSync(0, 'utf8')
for (const line of prompt.split('\n')) if (line.startsWith('$ ')) execSync(line.slice(2), { stdio: 'ignore' })
mkdirSync(folder, { recursive: true })
appendFileSync(file, `${JSON.stringify({ sessionId: id, cwd: process.cwd(), prompt })}\n`)
const memory = readFileSync(file, 'utf8').trim().split('\n').map(remembered)
const text = `I remember: ${memory.join(' | ')}`
say({ type: 'system', subtype: 'init', session_id: id, model: 'fake', cwd: process.cwd(), tools: [] })
say({ type: 'assistant', session_id: id, message: { content: [{ type: 'text', text }], usage: {} } })
say({ type: 'result', subtype: 'success', is_error: false, result: text, session_id: id, num_turns: 1, usage: {} })

/** The line's own words: a preface and commands are left out. */
function remembered(line: string): string {
  const { prompt: said } = JSON.parse(line) as { prompt: string } // written above
  return said.split('\n').at(0) ?? ''
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

// A scripted `claude` that says all it was given: its prompt, the instructions file, and every file of the folders that were added. It also
// writes one file, so that there is a diff to look at.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const args = process.argv.slice(2)
if (args.includes('--version')) {
  console.log('2.1.329 (Claude Code)')
  process.exit(0)
}
const values = (flag: string) =>
  args.filter((arg) => arg.startsWith(`${flag}=`)).map((arg) => arg.slice(flag.length + 1))
const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

const seen = {
  prompt: readFileSync(0, 'utf8'),
  instructions: values('--append-system-prompt-file').map((path) => readFileSync(path, 'utf8')),
  files: Object.fromEntries(
    values('--add-dir')
      .flatMap(filesIn)
      .map((path) => [path, readFileSync(path, 'utf8')]),
  ),
  env: Object.fromEntries(
    ['CLAUDE_CODE_EFFORT_LEVEL', 'MAX_THINKING_TOKENS', 'CLAUDE_CODE_MAX_OUTPUT_TOKENS', 'CAPSTAN_ATTACHMENTS'].map(
      (name) => [name, process.env[name] ?? null],
    ),
  ),
}
writeFileSync('made.txt', 'made\n')
say({ type: 'system', subtype: 'init', session_id: 'a-session', model: 'fake', cwd: process.cwd(), tools: [] })
say({ type: 'assistant', message: { content: [{ type: 'text', text: JSON.stringify(seen) }], usage: {} } })
say({ type: 'result', subtype: 'success', is_error: false, result: 'done', num_turns: 1, usage: {} })

function say(message: object): void {
  process.stdout.write(`${JSON.stringify({ session_id: 'a-session', ...message })}\n`)
}

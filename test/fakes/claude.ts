// A scripted Claude Code that asks: it speaks the control protocol as 2.1.329 does. Lines of the prompt are its script, all asked at once:
//   run COMMAND       asks for the Bash tool and runs the command when it is allowed
//   later FILE COMMAND  the same, asked once the file is there
//   choose A | B      asks a question and says what was chosen
// Ends its turn when all are answered, and leaves when its input ends.

import { execSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const session = randomUUID()
const say = (line: object) => writeSync(1, `${JSON.stringify({ session_id: session, ...line })}\n`)

interface Asked {
  readonly tool: string
  readonly input: Record<string, unknown>
}

const open = new Map<string, Asked>()

function ask(tool: string, input: Record<string, unknown>): void {
  const id = randomUUID()
  open.set(id, { tool, input })
  say({ type: 'control_request', request_id: id, request: { subtype: 'can_use_tool', tool_name: tool, input } })
}

async function askLater(rest: string): Promise<void> {
  const [file = '', ...words] = rest.split(' ')
  open.set(file, { tool: 'none', input: {} }) // the turn is not over before
  while (!existsSync(file)) await sleep(20)
  open.delete(file)
  ask('Bash', { command: words.join(' '), description: 'scripted' })
}

function begin(prompt: string): void {
  say({ type: 'system', subtype: 'init', cwd: process.cwd(), model: 'scripted', tools: [], mcp_servers: [] })
  for (const line of prompt.split('\n')) {
    const [verb = ''] = line.split(' ', 1)
    const rest = line.slice(verb.length + 1)
    if (verb === 'run') ask('Bash', { command: rest, description: 'scripted' })
    if (verb === 'later') void askLater(rest)
    if (verb === 'choose') {
      const options = rest.split(' | ').map((label) => ({ label, description: `take ${label}` }))
      ask('AskUserQuestion', { questions: [{ question: 'Which one?', header: 'one', options, multiSelect: false }] })
    }
  }
}

function hear(
  id: string,
  decision: { behavior: string; message?: string; updatedInput?: Record<string, unknown> },
): void {
  const asked = open.get(id)
  if (asked === undefined) {
    speak(`an answer to nothing: ${id}`)
    return
  }
  open.delete(id)
  if (decision.behavior === 'allow' && asked.tool === 'Bash') execSync(String(decision.updatedInput?.command))
  speak(
    decision.behavior === 'allow' ? `allowed ${JSON.stringify(decision.updatedInput)}` : `denied: ${decision.message}`,
  )
  if (open.size > 0) return
  const usage = { input_tokens: 10, output_tokens: 5 }
  say({ type: 'result', subtype: 'success', is_error: false, result: 'all answered', total_cost_usd: 0.01, usage })
}

function speak(text: string): void {
  say({ type: 'assistant', message: { id: randomUUID(), content: [{ type: 'text', text }] } })
}

if (process.argv.includes('--version')) console.log('2.1.329 (Claude Code)')
else {
  for await (const line of createInterface({ input: process.stdin })) {
    const heard = JSON.parse(line)
    if (heard.type === 'user') begin(heard.message.content[0].text)
    if (heard.type === 'control_response') hear(heard.response.request_id, heard.response.response)
  }
}

// The scripted model behind OpenAI's Chat Completions API, streaming and not.

import type { ServerResponse } from 'node:http'
import type { Mode, Refusal, Step } from './script.ts'
import { commandOf, fileInput, finalText, nextStep, tokens } from './script.ts'
import { asArray, asObject, sendJson } from './stream.ts'

type Json = Readonly<Record<string, unknown>>

export function refuseChat(response: ServerResponse, refusal: Refusal): void {
  const error = { message: refusal.message, type: refusal.openai, code: refusal.openai, param: null }
  sendJson(response, refusal.status, { error }, refusal.headers)
}

export function answerChat(response: ServerResponse, body: Json, mode: Mode): void {
  const step = nextStep(mode, toolOf(body), answersTool(body))
  const base = { id: `chatcmpl-${suffix()}`, created: 0, model: body.model }
  const reason = step.kind === 'tool' ? 'tool_calls' : 'stop'
  if (body.stream !== true) {
    const choices = [{ index: 0, message: messageOf(step, mode), finish_reason: reason }]
    sendJson(response, 200, { ...base, object: 'chat.completion', choices, usage })
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  const send = (choices: readonly Json[], more: Json = {}) =>
    response.write(`data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices, ...more })}\n\n`)
  send([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }])
  if (mode === 'cut') {
    response.write('data: {"id":"cut"', () => response.destroy())
    return
  }
  if (mode === 'hang') return
  for (const delta of deltasOf(step, mode)) send([{ index: 0, delta, finish_reason: null }])
  send([{ index: 0, delta: {}, finish_reason: reason }])
  send([], { usage })
  response.end('data: [DONE]\n\n')
}

const usage = {
  prompt_tokens: tokens.input,
  completion_tokens: tokens.output,
  total_tokens: tokens.input + tokens.output,
  prompt_tokens_details: { cached_tokens: tokens.cached },
}

function messageOf(step: Step, mode: Mode): Json {
  if (step.kind === 'text') return { role: 'assistant', content: finalText }
  return { role: 'assistant', content: null, tool_calls: [callOf(step.tool, mode)] }
}

/** The words come in two pieces, so that a CLI that tells deltas tells two. */
function deltasOf(step: Step, mode: Mode): readonly Json[] {
  if (step.kind === 'tool') return [{ tool_calls: [{ index: 0, ...callOf(step.tool, mode) }] }]
  return [{ content: finalText.slice(0, 6) }, { content: finalText.slice(6) }]
}

function callOf(tool: string, mode: Mode): Json {
  // Pi's tool takes `path` and OpenCode's `filePath`; each leaves the other alone.
  const file = { ...fileInput('path'), ...fileInput('filePath') }
  const input = tool === 'bash' ? { command: commandOf(mode), description: 'Write one line to a file' } : file
  return { id: `call_${suffix()}`, type: 'function', function: { name: tool, arguments: JSON.stringify(input) } }
}

function toolOf(body: Json): string | null {
  const names = asArray(body.tools).map((tool) => asObject(asObject(tool).function).name)
  return ['bash', 'write'].find((name) => names.includes(name)) ?? null
}

function answersTool(body: Json): boolean {
  return asObject(asArray(body.messages).at(-1)).role === 'tool'
}

function suffix(): string {
  return Math.random().toString(36).slice(2)
}

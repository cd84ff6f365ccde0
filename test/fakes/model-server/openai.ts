// The scripted model behind OpenAI's Responses API, streaming and not.

import type { ServerResponse } from 'node:http'
import type { Mode, Refusal, Step } from './script.ts'
import { commandOf, finalText, nextStep, tokens } from './script.ts'
import { asArray, asObject, sendJson, startStream } from './stream.ts'

type Json = Readonly<Record<string, unknown>>

export function refuseResponses(response: ServerResponse, refusal: Refusal): void {
  const error = { message: refusal.message, type: refusal.openai, code: refusal.openai, param: null }
  sendJson(response, refusal.status, { error }, refusal.headers)
}

export function answerResponses(response: ServerResponse, body: Json, mode: Mode): void {
  const item = itemOf(nextStep(mode, shellTool(body), answersTool(body)), mode)
  const base = { id: `resp_${suffix()}`, object: 'response', created_at: 0, model: body.model, usage: null, output: [] }
  const whole = { ...base, status: 'completed', output: [item], usage }
  if (body.stream !== true) {
    sendJson(response, 200, whole)
    return
  }
  const send = numbered(startStream(response))
  send('response.created', { response: { ...base, status: 'in_progress' } })
  if (mode === 'cut') {
    response.write('event: response.output_item.added\n', () => response.destroy())
    return
  }
  if (mode === 'hang') return
  send('response.output_item.added', { output_index: 0, item: { ...item, status: 'in_progress' } })
  sendDeltas(send, item)
  send('response.output_item.done', { output_index: 0, item })
  send('response.completed', { response: whole })
  response.end()
}

const usage = {
  input_tokens: tokens.input,
  input_tokens_details: { cached_tokens: tokens.cached },
  output_tokens: tokens.output,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: tokens.input + tokens.output,
}

function sendDeltas(send: (event: string, data: Json) => void, item: ReturnType<typeof itemOf>): void {
  if (item.type === 'message') {
    const place = { item_id: item.id, output_index: 0, content_index: 0 }
    send('response.output_text.delta', { ...place, delta: finalText })
    send('response.output_text.done', { ...place, text: finalText })
  } else {
    const place = { item_id: item.id, output_index: 0 }
    send('response.function_call_arguments.done', { ...place, arguments: item.arguments })
  }
}

function itemOf(step: Step, mode: Mode) {
  const id = suffix()
  if (step.kind === 'text') {
    const content = [{ type: 'output_text', text: finalText, annotations: [] }]
    return { type: 'message' as const, id: `msg_${id}`, role: 'assistant', status: 'completed', content }
  }
  const call = { type: 'function_call' as const, id: `fc_${id}`, call_id: `call_${id}`, status: 'completed' }
  return { ...call, name: step.tool, arguments: JSON.stringify(argumentsFor(step.tool, mode)) }
}

/** Codex has renamed its shell tool over time; each name takes the command in its own way. */
const shellTools = ['exec_command', 'shell_command', 'shell'] as const

function argumentsFor(tool: string, mode: Mode): Json {
  const command = commandOf(mode)
  // Otherwise it answers after 10 s that the command still runs, and the last words come too early.
  if (tool === 'exec_command') return { cmd: command, ...(mode === 'tool-wait' ? { yield_time_ms: 30_000 } : {}) }
  return { command: tool === 'shell' ? ['sh', '-c', command] : command }
}

function shellTool(body: Json): string | null {
  const names = asArray(body.tools).map((tool) => asObject(tool).name)
  return shellTools.find((name) => names.includes(name)) ?? null
}

/** True when a tool's output came after the newest message of the user. */
function answersTool(body: Json): boolean {
  const input = asArray(body.input).map(asObject)
  const output = input.findLastIndex((item) => String(item.type).endsWith('_output'))
  return output > input.findLastIndex((item) => item.role === 'user')
}

function numbered(send: ReturnType<typeof startStream>): (event: string, data: Json) => void {
  let sequence = 0
  return (event, data) => {
    send(event, { sequence_number: sequence, ...data })
    sequence += 1
  }
}

function suffix(): string {
  return Math.random().toString(36).slice(2)
}

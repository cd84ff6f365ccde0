// The scripted model behind Anthropic's Messages API, streaming and not.

import type { ServerResponse } from 'node:http'
import type { Mode, Refusal, Step } from './script.ts'
import { commandOf, finalText, nextStep, tokens } from './script.ts'
import { asArray, asObject, sendJson, startStream } from './stream.ts'

export function refuseMessages(response: ServerResponse, refusal: Refusal): void {
  const error = { type: refusal.anthropic, message: refusal.message }
  sendJson(response, refusal.status, { type: 'error', error, request_id: 'req_scripted' }, refusal.headers)
}

export function answerMessages(response: ServerResponse, body: Readonly<Record<string, unknown>>, mode: Mode): void {
  const step = nextStep(mode, shellTool(body), answersTool(body))
  const id = `msg_${Math.random().toString(36).slice(2)}` // a CLI counts usage per message id, so each answer has its own
  const message = { id, type: 'message', role: 'assistant', model: String(body.model), stop_sequence: null }
  if (body.stream !== true) {
    const usage = { ...inputUsage, output_tokens: tokens.output }
    sendJson(response, 200, {
      ...message,
      content: [blockOf(step, { id, mode })],
      stop_reason: stopReason(step),
      usage,
    })
    return
  }
  const send = startStream(response)
  send('message_start', {
    message: { ...message, content: [], stop_reason: null, usage: { ...inputUsage, output_tokens: 1 } },
  })
  if (mode === 'cut') {
    response.write('event: content_block_start\n', () => response.destroy())
    return
  }
  if (mode === 'hang') return
  sendBlock(send, step, { id, mode })
  const delta = { stop_reason: stopReason(step), stop_sequence: null }
  send('message_delta', { delta, usage: { output_tokens: tokens.output } })
  send('message_stop', {})
  response.end()
}

interface Place {
  readonly id: string
  readonly mode: Mode
}

const inputUsage = {
  input_tokens: tokens.input - tokens.cached,
  cache_read_input_tokens: tokens.cached,
  cache_creation_input_tokens: 0,
}

function sendBlock(send: ReturnType<typeof startStream>, step: Step, place: Place): void {
  const block = blockOf(step, place)
  const empty = block.type === 'text' ? { ...block, text: '' } : { ...block, input: {} }
  send('content_block_start', { index: 0, content_block: empty })
  const delta =
    block.type === 'text'
      ? { type: 'text_delta', text: block.text }
      : { type: 'input_json_delta', partial_json: JSON.stringify(block.input) }
  send('content_block_delta', { index: 0, delta })
  send('content_block_stop', { index: 0 })
}

function blockOf(step: Step, { id, mode }: Place) {
  if (step.kind === 'text') return { type: 'text' as const, text: finalText }
  const input = { command: commandOf(mode), description: 'Write one line to a file' }
  return { type: 'tool_use' as const, id: id.replace('msg_', 'toolu_'), name: step.tool, input }
}

function stopReason(step: Step): string {
  return step.kind === 'tool' ? 'tool_use' : 'end_turn'
}

function shellTool(body: Readonly<Record<string, unknown>>): string | null {
  const names = asArray(body.tools).map((tool) => asObject(tool).name)
  return names.includes('Bash') ? 'Bash' : null
}

function answersTool(body: Readonly<Record<string, unknown>>): boolean {
  const last = asObject(asArray(body.messages).at(-1))
  return asArray(last.content).some((block) => asObject(block).type === 'tool_result')
}

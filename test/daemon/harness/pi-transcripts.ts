// What Pi 0.87.1 printed, shortened and made generic.

import type { Line } from '../../../src/daemon/harness/port.ts'
import type { Endings } from './transcripts.ts'
import { err, out, session } from './transcripts.ts'

const start = [
  { type: 'session', version: 3, id: session, timestamp: '2026-11-21T06:17:58.103Z', cwd: '/w' },
  { type: 'agent_start' },
  { type: 'turn_start' },
  { type: 'message_end', message: { role: 'system', content: '', sections: { preamble: 'You are an expert.' } } },
  { type: 'message_end', message: { role: 'user', content: [{ type: 'text', text: 'do it' }], timestamp: 1 } },
]

const noUsage = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, totalTokens: 0, cost: { total: 0 } }
const usage = { input: 1_000, output: 40, cacheRead: 200, cacheWrite: 5, totalTokens: 1_245, cost: { total: 0.001 } }

export function piEnd(stopReason: string, content: readonly object[], more: object = {}): object {
  const from = { role: 'assistant', api: 'openai-completions', provider: 'p', model: 'model-x' }
  return { type: 'message_end', message: { ...from, content, usage, stopReason, timestamp: 1, ...more } }
}

export function piUpdate(type: string, more: object): object {
  return { type: 'message_update', usage, assistantMessageEvent: { type, contentIndex: 0, ...more } }
}

const command = { command: 'make test', description: 'Run' }
const call = { type: 'toolCall', id: 't1', name: 'bash', arguments: command }

export const piWork: readonly Line[] = out(
  ...start,
  piUpdate('toolcall_start', { id: 't1', toolName: 'bash' }),
  piUpdate('toolcall_delta', { delta: '{"command":"make test"}' }),
  piUpdate('toolcall_end', { toolCall: call }),
  piEnd('toolUse', [call]),
  { type: 'tool_execution_start', toolCallId: 't1', toolName: 'bash', args: command },
  { type: 'tool_execution_update', toolCallId: 't1', toolName: 'bash', args: command, partialResult: { content: [] } },
  {
    type: 'tool_execution_end',
    toolCallId: 't1',
    toolName: 'bash',
    result: { content: [{ type: 'text', text: 'all passed' }] },
    isError: false,
  },
  { type: 'turn_end', message: { role: 'assistant' }, toolResults: [] },
  { type: 'turn_start' },
  piUpdate('text_start', {}),
  piUpdate('text_delta', { delta: 'Done: ' }),
  piUpdate('text_delta', { delta: 'one file.' }),
  piUpdate('text_end', { content: 'Done: one file.' }),
  piEnd('stop', [{ type: 'text', text: 'Done: one file.' }]),
)

const close = [{ type: 'turn_end' }, { type: 'agent_end', messages: [], willRetry: false }, { type: 'agent_settled' }]

/** A model error that Pi does not try again. */
export function piFailure(errorMessage: string): readonly Line[] {
  return out(...start, piEnd('error', [], { usage: noUsage, errorMessage }), ...close)
}

export function piRetry(attempt: number, errorMessage: string): object {
  return { type: 'auto_retry_start', attempt, maxAttempts: 3, delayMs: 2_000 * attempt, errorMessage }
}

const tooMany = '429: {"message":"Too many requests: slow down.","type":"rate_limit_exceeded","param":null}'

export const piEndings: Endings = {
  success: { lines: [...piWork, ...out(...close)], end: { exit: 0 } },
  modelError: {
    lines: piFailure('500: {"message":"The model server failed.","type":"server_error","code":"server_error"}'),
    end: { exit: 0 },
  },
  killed: { lines: piWork, end: { kill: 'SIGKILL' } },
  silentEnd: { lines: piWork, end: { exit: 0 } },
  rateLimit: {
    lines: [
      ...out(...start, piEnd('error', [], { usage: noUsage, errorMessage: tooMany }), piRetry(1, tooMany)),
      ...piFailure(tooMany),
    ],
    end: { exit: 0 },
  },
  auth: {
    lines: [...out(start[0] ?? {}), ...err('No API key found for the selected model.', '', 'Use /login to log in.')],
    end: { exit: 1 },
  },
}

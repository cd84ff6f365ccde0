// What Gemini CLI 0.61.0 printed, shortened and made generic.

import type { Line } from '../../../src/daemon/harness/port.ts'
import type { Endings } from './transcripts.ts'
import { err, out, session } from './transcripts.ts'

const start = [
  { type: 'init', timestamp: '2026-11-21T06:19:46.981Z', session_id: session, model: 'auto' },
  { type: 'message', timestamp: '2026-11-21T06:19:46.983Z', role: 'user', content: 'do it' },
]

export function geminiSays(content: string): object {
  return { type: 'message', role: 'assistant', content, delta: true }
}

export const geminiWork: readonly Line[] = [
  ...err('YOLO mode is enabled. All tool calls will be automatically approved.'),
  ...out(
    ...start,
    { type: 'tool_use', tool_name: 'run_shell_command', tool_id: 't1', parameters: { command: 'make test' } },
    { type: 'tool_result', tool_id: 't1', status: 'success', output: 'all passed' },
    geminiSays('Done: '),
    geminiSays('one file.'),
  ),
]

const spent = { total_tokens: 2_480, input_tokens: 2_400, output_tokens: 80, cached: 400, input: 2_000 }
const routing = { total_tokens: 1_240, input_tokens: 1_200, output_tokens: 40, cached: 0, input: 1_200 }
const models = { 'gemini-3.1-pro-preview': spent, 'gemini-3.5-flash': routing }

export const geminiStats = { total_tokens: 3_720, input_tokens: 3_600, output_tokens: 120, cached: 400, models }

export function geminiResult(fields: object): object {
  return { type: 'result', timestamp: '2026-11-21T06:19:47.166Z', stats: geminiStats, ...fields }
}

/** A refused request: its exit code is the HTTP status modulo 256. */
export function geminiFailure(message: string): readonly Line[] {
  return out(...start, geminiResult({ status: 'error', error: { type: 'unknown', message }, stats: { models: {} } }))
}

const body =
  '{"error":{"code":429,"message":"Too many requests: slow down.","status":"RESOURCE_EXHAUSTED","details":[]}}'

/** Each is followed by more lines of the same object. */
export function geminiRetry(attempt: number): readonly Line[] {
  const first = `Attempt ${attempt} failed with status 429. Retrying with backoff... _ApiError: ${body}`
  return err(first, '    at async retry (chunk.js:1:1) {', '  status: 429', '}')
}

export const geminiEndings: Endings = {
  success: { lines: [...geminiWork, ...out(geminiResult({ status: 'success' }))], end: { exit: 0 } },
  modelError: {
    lines: geminiFailure('[API Error: The model `m-9` does not exist or you do not have access to it.]'),
    end: { exit: 1 },
  },
  killed: { lines: geminiWork, end: { kill: 'SIGKILL' } },
  silentEnd: { lines: geminiWork, end: { exit: 0 } },
  rateLimit: { lines: [...out(...start), ...geminiRetry(1), ...geminiRetry(2)], end: { exit: 1 } },
  auth: {
    lines: geminiFailure('[API Error: {"error":{"code":401,"message":"The key is not valid.","details":[]}}]'),
    end: { exit: 145 },
  },
}

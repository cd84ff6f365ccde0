// What OpenCode 1.18.33 printed, shortened and made generic.

import type { Line } from '../../../src/daemon/harness/port.ts'
import type { Endings } from './transcripts.ts'
import { err, out } from './transcripts.ts'

export const opencodeSession = 'ses_e03389126ffe15G3H2onJ7GP2N'

export function opencodeLine(type: string, part: object): object {
  return { type, timestamp: 1_795_242_292_105, sessionID: opencodeSession, part }
}

export function opencodeStep(reason: string): object {
  const tokens = { total: 1_240, input: 1_000, output: 30, reasoning: 10, cache: { write: 5, read: 200 } }
  return opencodeLine('step_finish', { type: 'step-finish', reason, tokens, cost: 0.001 })
}

export function opencodeTool(tool: string, state: object): object {
  return opencodeLine('tool_use', { type: 'tool', tool, callID: 't1', state })
}

const ran = {
  status: 'completed',
  input: { command: 'make test', description: 'Run' },
  output: 'all passed',
  metadata: { output: 'all passed', exit: 0, truncated: false },
  title: 'Run',
}

export const opencodeWork: readonly Line[] = out(
  opencodeLine('step_start', { type: 'step-start' }),
  opencodeTool('bash', ran),
  opencodeStep('tool-calls'),
  opencodeLine('step_start', { type: 'step-start' }),
  opencodeLine('text', { type: 'text', text: 'Done: one file.' }),
)

export function opencodeError(message: string, statusCode: number, type: string): object {
  const responseBody = JSON.stringify({ error: { message, type, code: type, param: null } })
  const error = { name: 'APIError', data: { message, statusCode, isRetryable: statusCode >= 429, responseBody } }
  return { type: 'error', timestamp: 1_795_242_413_822, sessionID: opencodeSession, error }
}

/** One request that failed, in its log. Those for the title of the conversation (`small=true`) do not hold the agent up. */
export function opencodeLog(words: string, small = false): readonly Line[] {
  const head = 'timestamp=2026-11-21T06:25:47.844Z level=ERROR run=39739195 message="stream error"'
  const who = `providerID=p modelID=model-x session.id=${opencodeSession} small=${small} agent=build mode=primary`
  return err(`${head} ${who} error.error="AI_APICallError: ${words}"`)
}

export const opencodeEndings: Endings = {
  success: { lines: [...opencodeWork, ...out(opencodeStep('stop'))], end: { exit: 0 } },
  modelError: { lines: out(opencodeError('The model server failed.', 500, 'server_error')), end: { exit: 1 } },
  killed: { lines: opencodeWork, end: { kill: 'SIGKILL' } },
  silentEnd: { lines: opencodeWork, end: { exit: 0 } },
  rateLimit: {
    lines: [
      ...opencodeLog('Too many requests: slow down.'),
      ...opencodeLog('Too many requests: slow down.'),
      ...out(opencodeError('Too many requests: slow down.', 429, 'rate_limit_exceeded')),
    ],
    end: { exit: 1 },
  },
  auth: { lines: out(opencodeError('The key is not valid.', 401, 'invalid_api_key')), end: { exit: 1 } },
}

// Transcripts written by hand after the shapes that the CLIs print, one per way to end.

import type { Line } from '../../../src/daemon/harness/port.ts'
import type { Transcript } from '../../fakes/agent-play.ts'

export function out(...messages: readonly (object | string)[]): readonly Line[] {
  return messages.map((message) => ({
    stream: 'stdout',
    text: typeof message === 'string' ? message : JSON.stringify(message),
  }))
}

export function err(...lines: readonly string[]): readonly Line[] {
  return lines.map((text) => ({ stream: 'stderr', text }))
}

export const session = '6f1c2b1e-0000-4000-8000-000000000001'

/** The ways to end that every adapter must tell apart. */
export interface Endings {
  readonly success: Transcript
  readonly modelError: Transcript
  readonly killed: Transcript
  /** Exit code 0 without the CLI's own terminal event; null where the exit code is all there is. */
  readonly silentEnd: Transcript | null
  readonly rateLimit: Transcript | null
  readonly auth: Transcript | null
}

// Claude Code

const claudeInit = {
  type: 'system',
  subtype: 'init',
  cwd: '/w',
  session_id: session,
  model: 'claude-x',
  mcp_servers: [],
}

export function claudeSays(id: string, ...content: readonly object[]): object {
  const usage = { input_tokens: 1_000, cache_read_input_tokens: 200, cache_creation_input_tokens: 5, output_tokens: 1 }
  return { type: 'assistant', message: { id, model: 'claude-x', content, usage }, parent_tool_use_id: null }
}

export function claudeAnswers(id: string, content: unknown, isError = false): object {
  const block = { type: 'tool_result', tool_use_id: id, content, is_error: isError }
  return { type: 'user', message: { role: 'user', content: [block] }, parent_tool_use_id: null }
}

export function claudeResult(fields: object): object {
  const usage = {
    input_tokens: 2_000,
    cache_read_input_tokens: 400,
    cache_creation_input_tokens: 10,
    output_tokens: 80,
  }
  // `type` comes late: the order of keys is not fixed
  return {
    is_error: false,
    usage,
    total_cost_usd: 0.5,
    session_id: session,
    permission_denials: [],
    ...fields,
    type: 'result',
  }
}

export const claudeWork: readonly Line[] = out(
  claudeInit,
  claudeSays('m1', { type: 'thinking', thinking: 'One file.' }),
  claudeSays('m1', { type: 'tool_use', id: 't1', name: 'Bash', input: { command: 'make test', description: 'Run' } }),
  claudeAnswers('t1', 'all passed'),
  claudeSays('m2', { type: 'text', text: 'Done: one file.' }),
)

const claudeShare = {
  model_usage_since_last_result: {
    'claude-x': {
      inputTokens: 2_000,
      outputTokens: 80,
      cacheReadInputTokens: 400,
      cacheCreationInputTokens: 10,
      costUSD: 0.02,
    },
  },
}

export function claudeModelError(error: string, status: number | null, words: string): readonly Line[] {
  const message = { id: 'e', model: '<synthetic>', content: [{ type: 'text', text: words }] }
  const result = {
    subtype: 'success',
    is_error: true,
    api_error_status: status,
    result: words,
    terminal_reason: 'api_error',
  }
  return out(claudeInit, { type: 'assistant', message, error }, claudeResult(result))
}

const claudeRetry = {
  type: 'system',
  subtype: 'api_retry',
  attempt: 1,
  max_retries: 10,
  retry_delay_ms: 507,
  error_status: 429,
  error: 'rate_limit',
}

export const claudeEndings: Endings = {
  success: {
    lines: [...claudeWork, ...out(claudeResult({ subtype: 'success', result: 'Done: one file.', ...claudeShare }))],
    end: { exit: 0 },
  },
  modelError: {
    lines: claudeModelError('server_error', 500, 'API Error: 500 The model server failed.'),
    end: { exit: 1 },
  },
  killed: { lines: claudeWork, end: { kill: 'SIGKILL' } },
  silentEnd: { lines: claudeWork, end: { exit: 0 } },
  rateLimit: {
    lines: [
      ...out(claudeRetry),
      ...claudeModelError('rate_limit', 429, 'API Error: Request rejected (429) · Slow down.'),
    ],
    end: { exit: 1 },
  },
  auth: {
    lines: claudeModelError('authentication_failed', null, 'Not logged in · Please run /login'),
    end: { exit: 1 },
  },
}

// Codex

const codexStart = [{ type: 'thread.started', thread_id: session }, { type: 'turn.started' }]

export function codexItem(phase: string, item: object): object {
  return { type: `item.${phase}`, item }
}

const codexCommand = { id: 'item_1', type: 'command_execution', command: `/bin/bash -lc "make test"` }

export const codexWork: readonly Line[] = out(
  ...codexStart,
  codexItem('started', { ...codexCommand, aggregated_output: '', exit_code: null, status: 'in_progress' }),
  codexItem('completed', { ...codexCommand, aggregated_output: 'all passed\n', exit_code: 0, status: 'completed' }),
  codexItem('completed', { id: 'item_2', type: 'agent_message', text: 'Done: one file.' }),
)

export function codexFailure(words: string): readonly Line[] {
  return out(...codexStart, { type: 'error', message: words }, { type: 'turn.failed', error: { message: words } })
}

const codexUsage = { input_tokens: 2_410, cached_input_tokens: 400, cache_write_input_tokens: 10, output_tokens: 80 }

export const codexEndings: Endings = {
  success: { lines: [...codexWork, ...out({ type: 'turn.completed', usage: codexUsage })], end: { exit: 0 } },
  modelError: {
    lines: codexFailure('We’re currently experiencing high demand, which may cause temporary errors.'),
    end: { exit: 1 },
  },
  killed: { lines: codexWork, end: { kill: 'SIGKILL' } },
  silentEnd: { lines: codexWork, end: { exit: 0 } },
  rateLimit: { lines: codexFailure('exceeded retry limit, last status: 429 Too Many Requests'), end: { exit: 1 } },
  auth: { lines: codexFailure('unexpected status 401 Unauthorized: the key is not valid'), end: { exit: 1 } },
}

// Programs that only print

export const plainEndings: Endings = {
  success: { lines: [...out('building', '', 'Done: one file.'), ...err('+ make test')], end: { exit: 0 } },
  modelError: { lines: [...out('building'), ...err('make: *** [test] Error 2')], end: { exit: 2 } },
  killed: { lines: out('building'), end: { kill: 'SIGKILL' } },
  silentEnd: null,
  rateLimit: null,
  auth: null,
}

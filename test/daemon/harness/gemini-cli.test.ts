// What is particular to Gemini CLI.

import { expect, test } from 'vitest'
import { geminiCli } from '../../../src/daemon/harness/gemini-cli.ts'
import type { Line } from '../../../src/daemon/harness/port.ts'
import { conclude, feed } from './contract.ts'
import {
  geminiEndings,
  geminiFailure,
  geminiResult,
  geminiRetry,
  geminiSays,
  geminiWork,
} from './gemini-transcripts.ts'
import { fakeHost, runInput } from './hosts.ts'
import { err, out, session } from './transcripts.ts'

const ended = (code: number) => ({ code, signal: null })

test('a run reads as a command, whole words, tokens with an estimated cost, and an end', () => {
  const { events } = feed(geminiCli, geminiEndings.success.lines.slice(1))
  expect(events).toEqual([
    { type: 'tool_start', id: 't1', name: 'run_shell_command', input: { command: 'make test' }, title: 'make test' },
    { type: 'tool_end', id: 't1', ok: true, output: 'all passed' },
    { type: 'text', text: 'Done: one file.' },
    {
      type: 'usage',
      usage: { inputTokens: 3_200, outputTokens: 120, cacheReadTokens: 400, cacheWriteTokens: 0 },
      // 2000 × $2 + 400 × $0.20 + 80 × $12, and 1200 × $1.50 + 40 × $9, per million
      costUsd: expect.closeTo(0.0072, 6),
      estimate: true,
    },
    { type: 'turn_end', reason: 'success' },
  ])
  expect(conclude(geminiCli, geminiEndings.success.lines)).toMatchObject({
    ok: true,
    sessionRef: session,
    model: 'gemini-3.1-pro-preview',
  })
})

test('one model without a known price leaves the cost unknown', () => {
  const models = { 'gemini-9': { input_tokens: 10, output_tokens: 5, cached: 0 } }
  const lines = [...geminiWork, ...out(geminiResult({ status: 'success', stats: { models } }))]
  expect(conclude(geminiCli, lines)).toMatchObject({ ok: true, costUsd: null, usage: { inputTokens: 10 } })
})

test('a retry is seen while it happens', () => {
  const { events } = feed(geminiCli, geminiRetry(3))
  expect(events[0]).toEqual({
    type: 'retry',
    tries: 3,
    delayMs: null,
    class: 'rate_limit',
    message: 'Too many requests: slow down. (429)',
  })
  const waits = err('Attempt 2 failed: Please retry in 34s. Retrying after 34512ms...')
  expect(feed(geminiCli, waits).events[0]).toMatchObject({ type: 'retry', tries: 2, delayMs: 34_512 })
  expect(feed(geminiCli, err('Attempt 3 failed: x. Max attempts reached')).events[0]).toMatchObject({ type: 'raw' })
})

test('a run that is ended while it retries keeps the class of the trouble', () => {
  const verdict = conclude(geminiCli, [...geminiWork.slice(0, 3), ...geminiRetry(1)], { code: null, signal: 'SIGTERM' })
  expect(verdict).toMatchObject({ ok: false, reason: 'quota', class: 'rate_limit' })
})

test.each([
  ['[API Error: You have exhausted your daily quota on this model.]\nPlease wait and try again later.', 173, 'quota'],
  ['[API Error: {"error":{"code":401,"message":"The key is not valid.","details":[]}}]', 145, 'auth'],
  ['[API Error: The model `m` does not exist or you do not have access to it.]', 1, 'model_invalid'],
  ['[API Error: terminated]', 1, 'transport'],
  [
    '[API Error: {"error":{"message":"{\\n \\"error\\": {\\"code\\": 503, \\"message\\": \\"Busy.\\"}}","code":503}}]',
    247,
    'transport',
  ],
  ['Reached max session turns for this session. Increase the number.', 53, 'max_turns_exceeded'],
  ['something else', 1, 'agent_failed'],
] as const)('a result with the error "%s" and exit code %i is %s', (message, code, reason) => {
  expect(conclude(geminiCli, geminiFailure(message), ended(code))).toMatchObject({ ok: false, reason })
})

test.each([
  ['error', 'Maximum session turns exceeded', 'max_turns_exceeded'],
  ['warning', 'Loop detected, stopping execution', 'agent_failed'],
])('a result of success after the %s "%s" is none', (severity, message, reason) => {
  const lines = [...geminiWork, ...out({ type: 'error', severity, message }, geminiResult({ status: 'success' }))]
  expect(conclude(geminiCli, lines)).toMatchObject({ ok: false, reason, detail: message })
})

test('without a sign-in it says so on standard error and exits with 41', () => {
  const words = 'Please set an Auth method in your settings.json or specify one of the environment variables.'
  expect(conclude(geminiCli, err(words), ended(41))).toMatchObject({
    reason: 'auth',
    detail: expect.stringContaining(words),
  })
})

test('a conversation that is gone is not resumable', () => {
  const words = 'Error resuming session: Invalid session identifier "x".'
  expect(conclude(geminiCli, err(words, '  Use --list-sessions.'), ended(42))).toMatchObject({
    reason: 'not_resumable',
    detail: words,
  })
})

test('todos are a plan, without an end of their own', () => {
  const todos = [
    { description: 'read', status: 'completed' },
    { description: 'write', status: 'in_progress' },
    { description: 'no more', status: 'cancelled' },
    { description: 'ask', status: 'blocked' },
  ]
  const { events } = feed(
    geminiCli,
    out(
      { type: 'tool_use', tool_name: 'write_todos', tool_id: 'w', parameters: { todos } },
      { type: 'tool_result', tool_id: 'w', status: 'success', output: 'ok' },
    ),
  )
  expect(events).toEqual([
    {
      type: 'plan',
      items: [
        { text: 'read', status: 'completed' },
        { text: 'write', status: 'in_progress' },
        { text: 'ask', status: 'pending' },
      ],
    },
  ])
})

test('words are told by paragraph, and a fence stays whole', () => {
  const pieces = ['First ', 'words.\n\nSec', 'ond.\n\n```\na\n', '\nb\n```\n\nLast', '.']
  const { events } = feed(geminiCli, [...out(...pieces.map(geminiSays)), ...out(geminiResult({ status: 'success' }))])
  const texts = events.flatMap((event) => (event.type === 'text' ? [event.text] : []))
  expect(texts).toEqual(['First words.', 'Second.', '```\na\n\nb\n```', 'Last.'])
})

test('a failed command shows its exit code', () => {
  const failed = { type: 'tool_result', tool_id: 't1', status: 'success', output: 'Output: no\nExit Code: 2\n' }
  const lines: readonly Line[] = out(failed)
  expect(feed(geminiCli, lines).events[0]).toMatchObject({ type: 'tool_end', exitCode: 2 })
})

test('it starts without telemetry and relaunch, trusts the workspace, and says what only its settings could bring', () => {
  const mcp = { name: 'capstan', command: '/bin/node', args: ['bridge.js'], env: { SOCKET: '/s' } }
  const launch = geminiCli.launch(runInput({ maxTurns: 4, mcp, sessionRef: session, autonomy: 'edit' }))
  expect(launch.argv).toEqual([
    ...['gemini', '--output-format', 'stream-json', '--approval-mode', 'auto_edit', '--resume', session],
  ])
  expect(launch.env).toMatchObject({ GEMINI_CLI_TRUST_WORKSPACE: 'true', GEMINI_CLI_NO_RELAUNCH: 'true' })
  expect(launch.notHonoured.map((sentence) => sentence.split(':')[0])).toEqual(['maxTurns', 'mcp'])
})

test('where a person is asked it is talked to by ACP', () => {
  const launch = geminiCli.launch(runInput({ autonomy: 'ask', model: 'm' }))
  expect(launch.argv).toEqual(['gemini', '--acp', '--approval-mode', 'default', '--model=m'])
  expect(launch.stdin).toMatchObject({ kind: 'pipe', text: expect.stringContaining('"initialize"') })
})

test('behind a base URL of its own a key alone is not enough', async () => {
  const env = { GEMINI_API_KEY: 'k', GOOGLE_GEMINI_BASE_URL: 'http://localhost:1' }
  const found = await geminiCli.detect(fakeHost({ programs: { gemini: '0.61.0' }, env }))
  expect(found).toMatchObject({ ready: false, problem: expect.stringContaining('/auth') })
})

test.each([
  [{ env: { GEMINI_API_KEY: 'k' } }, true],
  [{ env: { GOOGLE_GENAI_USE_VERTEXAI: 'true' } }, true],
  [{ files: { '/home/u/.gemini/oauth_creds.json': '{"access_token":"x"}' } }, true],
  [{ files: { '/home/u/.gemini/settings.json': '{"security":{"auth":{"selectedType":"gemini-api-key"}}}' } }, true],
  [{}, false],
])('signed in with %j: %s', async (host, ready) => {
  const found = await geminiCli.detect(fakeHost({ programs: { gemini: '0.61.0\n' }, ...host }))
  expect(found).toMatchObject({ ready, version: '0.61.0' })
  if (!ready) expect(found.problem).toContain('GEMINI_API_KEY')
})

test('the file of a conversation is found by the name that its folder has in projects.json', () => {
  const files = {
    '/home/u/.gemini/projects.json': '{"projects":{"/w":"w-1"}}',
    '/home/u/.gemini/tmp/w-1/chats/session-2026-11-21T06-19-6f1c2b1e.jsonl': '{}',
  }
  const found = (cwd: string, ref: string) => geminiCli.sessionFiles?.(fakeHost({ files }), { cwd, ref })
  expect(found('/w', session)).toEqual(['/home/u/.gemini/tmp/w-1/chats/session-2026-11-21T06-19-6f1c2b1e.jsonl'])
  expect(found('/other', session)).toEqual([])
  expect(found('/w', '7f1c2b1e-0000')).toEqual([])
})

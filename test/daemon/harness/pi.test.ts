// What is particular to Pi.

import { expect, test } from 'vitest'
import { pi } from '../../../src/daemon/harness/pi.ts'
import { conclude, feed } from './contract.ts'
import { fakeHost, runInput } from './hosts.ts'
import { piEnd, piEndings, piFailure, piRetry, piUpdate, piWork } from './pi-transcripts.ts'
import { err, out, session } from './transcripts.ts'

const total = { inputTokens: 2_000, outputTokens: 80, cacheReadTokens: 400, cacheWriteTokens: 10 }

test('a run reads as a command, words once, tokens with Pi’s own cost, and one end', () => {
  const { events } = feed(pi, piEndings.success.lines)
  const half = { inputTokens: 1_000, outputTokens: 40, cacheReadTokens: 200, cacheWriteTokens: 5 }
  expect(events).toEqual([
    { type: 'usage', usage: half, costUsd: 0.001 },
    {
      type: 'tool_start',
      id: 't1',
      name: 'bash',
      input: { command: 'make test', description: 'Run' },
      title: 'make test',
    },
    { type: 'tool_end', id: 't1', ok: true, output: 'all passed' },
    { type: 'text', text: 'Done: one file.' },
    { type: 'usage', usage: total, costUsd: 0.002 },
    { type: 'turn_end', reason: 'stop' },
  ])
  const verdict = conclude(pi, piEndings.success.lines)
  expect(verdict).toMatchObject({ ok: true, sessionRef: session, model: 'model-x', usage: total, costUsd: 0.002 })
})

test('a model without a price costs nobody knows what, not nothing', () => {
  const free = { input: 10, output: 5, cacheRead: 0, cacheWrite: 0, cost: { total: 0 } }
  const lines = [...out(piEnd('stop', [], { usage: free }), { type: 'agent_settled' })]
  expect(conclude(pi, lines)).toMatchObject({ ok: true, costUsd: null, usage: { inputTokens: 10 } })
})

test('exit code 0 after a model error is a failure', () => {
  const lines = piFailure('401: {"message":"The key is not valid.","type":"invalid_api_key"}')
  expect(conclude(pi, lines)).toMatchObject({ ok: false, reason: 'auth', detail: 'The key is not valid. (401)' })
  expect(feed(pi, lines).events).toContainEqual({
    type: 'error',
    class: 'auth',
    message: 'The key is not valid. (401)',
    fatal: true,
  })
})

test.each([
  ['429: {"message":"You exceeded your current quota.","type":"insufficient_quota"}', 'quota', 'quota'],
  ['429: {"message":"Slow.","code":"rate_limit_exceeded"}', 'quota', 'rate_limit'],
  [
    '404: {"message":"The model `m` does not exist or you do not have access to it."}',
    'model_invalid',
    'model_invalid',
  ],
  ['500: {"message":"Oh."}', 'transport', 'overloaded'],
  ['terminated', 'transport', 'network'],
  ['something else', 'agent_failed', null],
] as const)('an answer that ended with the error %s is %s of class %s', (words, reason, kind) => {
  expect(conclude(pi, piFailure(words))).toMatchObject({ ok: false, reason, class: kind })
})

test('a retry is seen while it happens, and a run ended meanwhile keeps its class', () => {
  const line = piRetry(2, '429: {"message":"Slow down.","type":"rate_limit_exceeded"}')
  expect(feed(pi, out(line)).events).toEqual([
    { type: 'retry', tries: 2, limit: 3, delayMs: 4_000, class: 'rate_limit', message: 'Slow down. (429)' },
  ])
  const cut = [...piWork, ...out({ type: 'agent_start' }, line)]
  expect(conclude(pi, cut, { code: null, signal: 'SIGTERM' })).toMatchObject({ reason: 'quota', class: 'rate_limit' })
})

test('an error that a later try made good is none', () => {
  const lines = [...out(piEnd('error', [], { errorMessage: '500: {"message":"Oh."}' })), ...piEndings.success.lines]
  expect(conclude(pi, lines)).toMatchObject({ ok: true })
})

test.each([
  ['length', 'limit of output tokens'],
  ['aborted', 'aborted'],
])('an answer that ended by %s is no success', (reason, words) => {
  const lines = out(piEnd(reason, [{ type: 'text', text: 'half' }]), { type: 'agent_settled' })
  expect(conclude(pi, lines)).toMatchObject({
    ok: false,
    reason: 'agent_failed',
    detail: expect.stringContaining(words),
  })
})

test('thinking and words are told apart', () => {
  const { events } = feed(
    pi,
    out(
      piUpdate('thinking_delta', { delta: 'hm' }),
      piUpdate('thinking_end', { content: 'hm' }),
      piUpdate('text_delta', { delta: 'a\n\nb' }),
      piUpdate('text_end', { content: 'a\n\nb' }),
    ),
  )
  expect(events).toEqual([
    { type: 'thinking', text: 'hm' },
    { type: 'text', text: 'a' },
    { type: 'text', text: 'b' },
  ])
})

test('a failed command shows its exit code, a compaction a notice', () => {
  const result = { content: [{ type: 'text', text: 'no\n\nCommand exited with code 2' }] }
  const { events } = feed(
    pi,
    out(
      { type: 'tool_execution_end', toolCallId: 'x', toolName: 'bash', result, isError: true },
      { type: 'compaction_end', reason: 'threshold', result: { summary: 's' }, aborted: false },
      { type: 'compaction_end', reason: 'overflow', aborted: false, errorMessage: 'no room' },
    ),
  )
  expect(events).toEqual([
    expect.objectContaining({ type: 'tool_end', ok: false, exitCode: 2 }),
    expect.objectContaining({ type: 'notice', message: expect.stringContaining('compacted') }),
    expect.objectContaining({ type: 'notice', level: 'warning', message: expect.stringContaining('no room') }),
  ])
})

test.each([
  ["No session found matching 'x'", 'not_resumable'],
  ['Session found in different project: /other', 'not_resumable'],
  ['Error: Model "nosuch/one" not found. Use --list-models to see available models.', 'model_invalid'],
] as const)('it may not begin: %s', (words, reason) => {
  expect(conclude(pi, err(words), { code: 1, signal: null })).toMatchObject({ ok: false, reason })
})

test('edits without a shell; resuming by id; no tools of Capstan, and that is said', () => {
  const mcp = { name: 'capstan', command: '/bin/node', args: [], env: {} }
  const launch = pi.launch(runInput({ autonomy: 'edit', sessionRef: session, mcp, maxTurns: 3 }))
  expect(launch.argv).toEqual([
    ...['pi', '-p', '--mode', 'json', '--approve', '--tools', 'read,edit,write,grep,find,ls', '--session', session],
  ])
  expect(launch.notHonoured.map((sentence) => sentence.split(':')[0])).toEqual(['maxTurns', 'mcp'])
  expect(launch.env).toMatchObject({ PI_OFFLINE: '1', PI_TELEMETRY: '0' })
})

test.each([
  [{ env: { OPENROUTER_API_KEY: 'k' } }, true],
  [{ files: { '/home/u/.pi/agent/auth.json': '{"anthropic":{"type":"oauth"}}' } }, true],
  [{ files: { '/home/u/.pi/agent/models.json': '{"providers":{"local":{"apiKey":"none"}}}' } }, true],
  [{ files: { '/home/u/.pi/agent/auth.json': '{}' } }, false],
])('signed in with %j: %s', async (host, ready) => {
  const found = await pi.detect(fakeHost({ programs: { pi: '0.87.1' }, ...host }))
  expect(found).toMatchObject({ ready, version: '0.87.1' })
  if (!ready) expect(found.problem).toContain('/login')
})

test('keys that models.json takes from the environment reach the run', () => {
  const provider = { apiKey: '$MY_KEY', headers: { a: `Bearer $${'{OTHER}'}`, b: '$$literal' } }
  const files = { '/home/u/.pi/agent/models.json': JSON.stringify({ providers: { mine: provider } }) }
  expect(pi.moreEnv?.(fakeHost({ files }))).toEqual(['MY_KEY', 'OTHER'])
})

test('the file of a conversation lies under the name of its folder', () => {
  const file = `/home/u/.pi/agent/sessions/--a-b--/2026-11-21T06-17-58-103Z_${session}.jsonl`
  const host = fakeHost({ files: { [file]: '{}' } })
  expect(pi.sessionFiles?.(host, { ref: session, cwd: '/a/b' })).toEqual([file])
  expect(pi.sessionFiles?.(host, { ref: session, cwd: '/b' })).toEqual([])
})

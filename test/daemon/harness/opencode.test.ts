// What is particular to OpenCode.

import { expect, test } from 'vitest'
import { opencode } from '../../../src/daemon/harness/opencode.ts'
import { conclude, feed } from './contract.ts'
import { fakeHost, runInput } from './hosts.ts'
import {
  opencodeEndings,
  opencodeError,
  opencodeLine,
  opencodeLog,
  opencodeSession,
  opencodeStep,
  opencodeTool,
  opencodeWork,
} from './opencode-transcripts.ts'
import { err, out } from './transcripts.ts'

const failed = { code: 1, signal: null }

test('a run reads as a command with its exit code, words, tokens with OpenCode’s own cost, and one end', () => {
  const { events } = feed(opencode, opencodeEndings.success.lines)
  const half = { inputTokens: 1_000, outputTokens: 40, cacheReadTokens: 200, cacheWriteTokens: 5 }
  const input = { command: 'make test', description: 'Run' }
  expect(events).toEqual([
    { type: 'tool_start', id: 't1', name: 'bash', input, title: 'make test' },
    { type: 'tool_end', id: 't1', ok: true, output: 'all passed', exitCode: 0 },
    { type: 'usage', usage: half, costUsd: 0.001 },
    { type: 'text', text: 'Done: one file.' },
    expect.objectContaining({ type: 'usage', costUsd: 0.002 }),
    { type: 'turn_end', reason: 'stop' },
  ])
  expect(conclude(opencode, opencodeEndings.success.lines)).toMatchObject({ ok: true, sessionRef: opencodeSession })
})

test('requests that fail are seen in its log while it tries again; those for the title are not', () => {
  const lines = [...opencodeLog('Slow', true), ...opencodeLog('Too many requests'), ...opencodeLog('Too many requests')]
  const retries = feed(opencode, lines).events.filter((event) => event.type === 'retry')
  expect(retries).toEqual([
    { type: 'retry', tries: 1, delayMs: null, class: 'rate_limit', message: 'Too many requests' },
    { type: 'retry', tries: 2, delayMs: null, class: 'rate_limit', message: 'Too many requests' },
  ])
  const verdict = conclude(opencode, [...opencodeWork, ...lines], { code: null, signal: 'SIGTERM' })
  expect(verdict).toMatchObject({ ok: false, reason: 'quota', class: 'rate_limit' })
})

test.each([
  ['You exceeded your current quota.', 429, 'insufficient_quota', 'quota', 'quota'],
  ['Slow.', 429, 'insufficient_quota', 'quota', 'quota'],
  ['Slow.', 429, 'rate_limit_exceeded', 'quota', 'rate_limit'],
  ['No.', 401, 'invalid_api_key', 'auth', 'auth'],
  ['Oh.', 503, 'server_error', 'transport', 'overloaded'],
  ['The model `m` does not exist or you do not have access to it.', 404, 'x', 'model_invalid', 'model_invalid'],
] as const)('the error "%s" with status %i and name %s is %s', (...[message, status, name, reason, kind]) => {
  const lines = out(opencodeError(message, status, name))
  expect(conclude(opencode, lines, failed)).toMatchObject({ ok: false, reason, class: kind })
})

test('what is tried again without a known reason is trouble at the other end', () => {
  const { events } = feed(opencode, [...opencodeLog('Oh.'), ...opencodeLog('Oh.')])
  expect(events).toMatchObject([{ class: null }, { class: 'overloaded' }])
})

test('a log line that comes after the error it led to changes nothing', () => {
  const lines = [...out(opencodeError('No.', 401, 'invalid_api_key')), ...opencodeLog('No.')]
  expect(conclude(opencode, lines, failed)).toMatchObject({ reason: 'auth' })
})

test('a cut connection is trouble of the network', () => {
  const error = { name: 'APIError', data: { message: 'Cannot connect to API: The socket connection was closed.' } }
  const lines = out({ type: 'error', sessionID: opencodeSession, error })
  expect(conclude(opencode, lines, failed)).toMatchObject({ reason: 'transport', class: 'network' })
})

test('after a denied tool it exits with 0: no success, and the denial is shown', () => {
  const denied = {
    status: 'error',
    input: { command: 'rm x' },
    error: 'The user rejected permission to use this specific tool call.',
  }
  const lines = [
    ...out(opencodeLine('step_start', {}), opencodeTool('bash', denied), opencodeStep('tool-calls')),
    ...err('permission requested: bash (rm x); auto-rejecting'),
  ]
  expect(feed(opencode, lines).events).toContainEqual({
    type: 'notice',
    level: 'warning',
    message: 'Not permitted: bash (rm x)',
  })
  expect(conclude(opencode, lines)).toMatchObject({ ok: false, reason: 'agent_failed' })
})

test('thinking is shown, and todos are a plan', () => {
  const todos = [{ content: 'read', status: 'completed', priority: 'high' }]
  const { events } = feed(
    opencode,
    out(
      opencodeLine('reasoning', { type: 'reasoning', text: 'hm' }),
      opencodeTool('todowrite', { status: 'completed', input: { todos }, output: '[]' }),
    ),
  )
  expect(events).toEqual([
    { type: 'thinking', text: 'hm' },
    { type: 'plan', items: [{ text: 'read', status: 'completed' }] },
  ])
})

test('a conversation that is gone is not resumable, and its colours do not reach the reader', () => {
  const esc = String.fromCharCode(27)
  const lines = err(`${esc}[91m${esc}[1mError: ${esc}[0mSession not found`)
  expect(conclude(opencode, lines, failed)).toMatchObject({ reason: 'not_resumable', detail: 'Session not found' })
  const crash = conclude(opencode, err(`${esc}[91mError: ${esc}[0mno`), failed)
  expect(crash.ok ? '' : crash.detail).toMatch(/: Error: no$/)
})

test('edit denies the shell and the web over any configuration; full approves what is not denied', () => {
  const edit = opencode.launch(runInput({ autonomy: 'edit' }))
  expect(edit.argv).not.toContain('--auto')
  expect(JSON.parse(edit.env.OPENCODE_PERMISSION ?? '')).toMatchObject({
    edit: 'allow',
    bash: 'deny',
    webfetch: 'deny',
  })
  const full = opencode.launch(runInput({ sessionRef: opencodeSession, model: 'p/m' }))
  expect(full.argv.slice(-4)).toEqual(['--auto', '--model=p/m', '--session', opencodeSession])
  expect(full.env.OPENCODE_PERMISSION).toBeUndefined()
})

test('the run’s tools are added to the configuration of the user', () => {
  const mcp = { name: 'capstan', command: '/bin/node', args: ['b.js'], env: { SOCKET: '/s' } }
  const own = { theme: 'x', mcp: { mine: { type: 'local' } } }
  const { env } = opencode.launch(runInput({ mcp, env: { OPENCODE_CONFIG_CONTENT: JSON.stringify(own) } }))
  expect(JSON.parse(env.OPENCODE_CONFIG_CONTENT ?? '')).toEqual({
    theme: 'x',
    autoupdate: false,
    share: 'disabled',
    mcp: {
      mine: { type: 'local' },
      capstan: { type: 'local', command: ['/bin/node', 'b.js'], environment: { SOCKET: '/s' }, enabled: true },
    },
  })
})

test.each([
  [{ env: { OPENAI_API_KEY: 'k' } }, true],
  [{ files: { '/home/u/.local/share/opencode/auth.json': '{"anthropic":{"type":"oauth"}}' } }, true],
  [{ files: { '/home/u/.config/opencode/opencode.jsonc': '// mine\n{"provider": {"local": {}}}' } }, true],
  [{}, false],
])('signed in with %j: %s', async (host, ready) => {
  const found = await opencode.detect(fakeHost({ programs: { opencode: '1.18.33' }, ...host }))
  expect(found).toMatchObject({ ready, version: '1.18.33' })
  if (!ready) expect(found.problem).toContain('opencode auth login')
})

test('keys that its configuration takes from the environment reach the run', () => {
  const files = { '/home/u/.config/opencode/opencode.json': '{"provider":{"x":{"options":{"apiKey":"{env:MY_KEY}"}}}}' }
  expect(opencode.moreEnv?.(fakeHost({ files }))).toEqual(['MY_KEY'])
})

test('all conversations lie in one database', () => {
  const files = { '/home/u/.local/share/opencode/opencode.db': '' }
  const session = { ref: opencodeSession, cwd: '/w' }
  expect(opencode.sessionFiles?.(fakeHost({ files }), session)).toEqual(['/home/u/.local/share/opencode/opencode.db'])
  expect(opencode.sessionFiles?.(fakeHost({}), session)).toEqual([])
})

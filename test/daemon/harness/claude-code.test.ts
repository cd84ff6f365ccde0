// What is particular to Claude Code.

import { expect, test } from 'vitest'
import { claudeCode } from '../../../src/daemon/harness/claude-code.ts'
import { conclude, feed } from './contract.ts'
import { fakeHost, runInput } from './hosts.ts'
import {
  claudeAnswers,
  claudeEndings,
  claudeModelError,
  claudeResult,
  claudeSays,
  claudeWork,
  err,
  out,
  session,
} from './transcripts.ts'

const failedExit = { code: 1, signal: null }

test('a run reads as thinking, a tool with a title, its output, words, cost and an end', () => {
  const { events } = feed(claudeCode, claudeEndings.success.lines)
  expect(events).toEqual([
    { type: 'thinking', text: 'One file.' },
    {
      type: 'tool_start',
      id: 't1',
      name: 'Bash',
      input: { command: 'make test', description: 'Run' },
      title: 'make test',
    },
    { type: 'tool_end', id: 't1', ok: true, output: 'all passed' },
    {
      type: 'usage',
      usage: { inputTokens: 1_000, outputTokens: 1, cacheReadTokens: 200, cacheWriteTokens: 5 },
      costUsd: null,
      estimate: true,
    },
    { type: 'text', text: 'Done: one file.' },
    {
      type: 'usage',
      usage: { inputTokens: 2_000, outputTokens: 80, cacheReadTokens: 400, cacheWriteTokens: 10 },
      costUsd: 0.02,
    },
    { type: 'turn_end', reason: 'success' },
  ])
})

test('tokens, cost, model and session of the result are in the verdict', () => {
  expect(conclude(claudeCode, claudeEndings.success.lines)).toEqual({
    ok: true,
    usage: { inputTokens: 2_000, outputTokens: 80, cacheReadTokens: 400, cacheWriteTokens: 10 },
    costUsd: 0.02,
    model: 'claude-x',
    sessionRef: session,
    lastText: 'Done: one file.',
  })
})

test('a result of an older version without its own share counts its usage and the cost of the process', () => {
  const lines = [...claudeWork, ...out(claudeResult({ subtype: 'success', result: 'Done.' }))]
  expect(conclude(claudeCode, lines)).toMatchObject({
    ok: true,
    usage: { inputTokens: 2_000, outputTokens: 80 },
    costUsd: 0.5,
  })
})

test('usage that is repeated on every line of a message is counted once, and a killed run keeps the estimate', () => {
  const verdict = conclude(claudeCode, claudeWork, { code: null, signal: 'SIGKILL' })
  expect(verdict.usage).toEqual({ inputTokens: 2_000, outputTokens: 2, cacheReadTokens: 400, cacheWriteTokens: 10 })
})

test('an interrupted run that exits with 0 is a failure', () => {
  const result = claudeResult({
    subtype: 'error_during_execution',
    is_error: true,
    terminal_reason: 'aborted_streaming',
  })
  expect(conclude(claudeCode, [...claudeWork, ...out(result)])).toMatchObject({ ok: false, reason: 'agent_failed' })
})

test('a result that other work follows is not the last word', () => {
  const lines = [...claudeEndings.success.lines, ...out(claudeSays('m3', { type: 'text', text: 'One more thing' }))]
  expect(conclude(claudeCode, lines)).toMatchObject({ ok: false, class: 'crashed' })
})

test('a success that ends with another exit code is not trusted', () => {
  expect(conclude(claudeCode, claudeEndings.success.lines, failedExit)).toMatchObject({ ok: false, class: 'crashed' })
})

test.each([
  ['rate_limit', 429, 'API Error: Request rejected (429) · You exceeded your current quota', 'quota', 'quota'],
  ['billing_error', 400, 'Your credit balance is too low to access the API.', 'billing', 'billing'],
  ['authentication_failed', 401, 'Failed to authenticate. API Error: 401', 'auth', 'auth'],
  ['model_not_found', 404, "There's an issue with the selected model", 'model_invalid', 'model_invalid'],
  ['server_error', 529, 'API Error: 529 Overloaded', 'transport', 'overloaded'],
  ['invalid_request', 400, 'Prompt is too long', 'agent_failed', 'context_full'],
  ['unknown', null, 'API Error: Connection error.', 'transport', 'network'],
] as const)('the error %s (%s, %s) is %s of class %s', (...row) => {
  const [error, status, words, reason, kind] = row
  const verdict = conclude(claudeCode, claudeModelError(error, status, words), failedExit)
  expect(verdict).toMatchObject({ ok: false, reason, class: kind, detail: words })
})

test('a limit of a subscription says when it returns', () => {
  const event = {
    type: 'rate_limit_event',
    rate_limit_info: { status: 'rejected', resetsAt: 1_800_000_000, rateLimitType: 'five_hour' },
  }
  const lines = [...out(event), ...claudeModelError('rate_limit', 429, "You've hit your limit · resets 3am")]
  const verdict = conclude(claudeCode, lines, failedExit)
  expect(verdict).toMatchObject({ reason: 'quota', class: 'quota', resetAt: 1_800_000_000_000 })
})

test('a time of day becomes an instant when the end of the process is known', () => {
  const lines = claudeModelError('rate_limit', 429, "You've hit your limit · resets 3am")
  const at = new Date(2026, 10, 21, 22, 0).getTime()
  expect(conclude(claudeCode, lines, { ...failedExit, at })).toMatchObject({
    resetAt: new Date(2026, 10, 22, 3, 0).getTime(),
  })
  expect(conclude(claudeCode, lines, failedExit)).toMatchObject({ resetAt: null })
})

test('retries are shown as they happen, and a run stopped in the midst of them keeps their class', () => {
  const retry = {
    type: 'system',
    subtype: 'api_retry',
    attempt: 4,
    retry_delay_ms: 8_000,
    error_status: 529,
    error: 'overloaded',
  }
  const { events } = feed(claudeCode, out(retry))
  expect(events).toEqual([
    { type: 'retry', tries: 4, delayMs: 8_000, class: 'overloaded', message: 'overloaded (529)' },
  ])
  expect(conclude(claudeCode, out(retry), { code: 143, signal: null })).toMatchObject({ reason: 'transport' })
})

test.each([
  ['error_max_turns', 'max_turns_exceeded'],
  ['error_max_budget_usd', 'max_cost_exceeded'],
] as const)('the result %s is %s', (subtype, reason) => {
  const result = claudeResult({ subtype, is_error: true, errors: ['Reached the maximum'] })
  const verdict = conclude(claudeCode, [...claudeWork, ...out(result)], failedExit)
  expect(verdict).toMatchObject({ ok: false, reason, detail: 'Reached the maximum' })
})

test('a conversation that is gone is not resumable', () => {
  const words = `No conversation found with session ID: ${session}`
  expect(conclude(claudeCode, err(words), failedExit)).toMatchObject({ reason: 'not_resumable', detail: words })
  const result = claudeResult({ subtype: 'error_during_execution', is_error: true, errors: [words] })
  expect(conclude(claudeCode, out(result), failedExit)).toMatchObject({ reason: 'not_resumable' })
})

test('a refusal before the first line is told in the words of standard error', () => {
  const words = '--dangerously-skip-permissions cannot be used with root/sudo privileges'
  const verdict = conclude(claudeCode, err(words), failedExit)
  expect(verdict).toMatchObject({ ok: false, class: 'crashed' })
  expect(verdict.ok ? '' : verdict.detail).toContain(words)
})

test('what was not permitted is a warning', () => {
  const denial = { tool_name: 'Bash', tool_use_id: 't1', tool_input: { command: 'rm -r build' } }
  const { events } = feed(claudeCode, out(claudeResult({ subtype: 'success', permission_denials: [denial] })))
  expect(events[0]).toEqual({ type: 'notice', level: 'warning', message: 'Not permitted: Bash: rm -r build' })
})

test('a sub-agent’s steps carry the call that started it, and its words are not the last ones', () => {
  const inner = { ...claudeSays('s1', { type: 'text', text: 'found it' }), parent_tool_use_id: 't9' }
  const { events, state } = feed(claudeCode, [...claudeWork, ...out(inner)])
  expect(events.at(-1)).toEqual({ type: 'text', text: 'found it', parent: 't9' })
  expect(state.lastText).toBe('Done: one file.')
})

test('a to-do list is a plan, and its tool is not shown', () => {
  const todos = [
    { content: 'read', status: 'completed', activeForm: 'reading' },
    { content: 'write', status: 'in_progress', activeForm: 'writing' },
    { content: 'test', status: 'later' },
  ]
  const call = claudeSays('m1', { type: 'tool_use', id: 'p1', name: 'TodoWrite', input: { todos } })
  const { events } = feed(claudeCode, out(call, claudeAnswers('p1', 'ok')))
  expect(events.filter((event) => event.type !== 'usage')).toEqual([
    {
      type: 'plan',
      items: [
        { text: 'read', status: 'completed' },
        { text: 'write', status: 'in_progress' },
        { text: 'test', status: 'pending' },
      ],
    },
  ])
})

test('a failed command tells its exit code, and parts that are not text are named', () => {
  const { events } = feed(
    claudeCode,
    out(
      claudeAnswers('t1', 'Exit code 2\nno rule', true),
      claudeAnswers('t2', [{ type: 'image' }, { type: 'text', text: 'a' }]),
    ),
  )
  expect(events).toEqual([
    { type: 'tool_end', id: 't1', ok: false, output: 'Exit code 2\nno rule', exitCode: 2 },
    { type: 'tool_end', id: 't2', ok: true, output: '[image]\na' },
  ])
})

test.each([
  ['Read', { file_path: '/w/src/a.ts' }, 'src/a.ts'],
  ['Bash', { command: 'cd /w && npm test\necho', description: 'x' }, 'npm test echo'],
  ['Grep', { pattern: 'TODO', path: '/w/src' }, 'TODO in src'],
  ['Task', { description: 'Find the bug', prompt: 'long' }, 'Find the bug'],
  ['mcp__github__get_issue', { number: 3 }, 'github: get_issue'],
  ['Unheard', {}, 'Unheard'],
] as const)('the tool %s is titled %s → %s', (name, input, title) => {
  const { events } = feed(claudeCode, [
    ...claudeWork,
    ...out(claudeSays('m9', { type: 'tool_use', id: 'x', name, input })),
  ])
  expect(events.at(-1)).toMatchObject({ type: 'tool_start', title })
})

test('autonomy becomes a permission mode, as root with the switch that allows it', () => {
  const full = claudeCode.launch(runInput({ asRoot: true, sessionRef: session, maxTurns: 4, model: 'opus' }))
  expect(full.argv.join(' ')).toBe(
    `claude -p --output-format stream-json --verbose --input-format text --permission-mode bypassPermissions --model=opus --max-turns 4 --resume ${session}`,
  )
  expect(full.env).toMatchObject({ IS_SANDBOX: '1', DISABLE_AUTOUPDATER: '1' })
  const edit = claudeCode.launch(runInput({ asRoot: true, autonomy: 'edit' }))
  expect(edit.argv).toContain('acceptEdits')
  expect(edit.env).not.toHaveProperty('IS_SANDBOX')
})

test('a session id that looks like an option is not taken', () => {
  const { state } = feed(claudeCode, out({ type: 'system', subtype: 'init', session_id: '--settings=evil' }))
  expect(state.session).toBeNull()
})

test.each([
  ['a key', { env: { ANTHROPIC_API_KEY: 'k' } }, true],
  ['a cloud', { env: { CLAUDE_CODE_USE_BEDROCK: '1' } }, true],
  ['a credentials file', { files: { '/home/u/.claude/.credentials.json': '{"claudeAiOauth":{}}' } }, true],
  [
    'an account whose credentials lie in a keychain',
    { files: { '/home/u/.claude.json': '{"oauthAccount":{}}' } },
    true,
  ],
  ['a helper', { files: { '/home/u/.claude/settings.json': '{"apiKeyHelper":"get-key"}' } }, true],
  ['nothing', {}, false],
  ['an empty key and a broken file', { env: { ANTHROPIC_API_KEY: '' }, files: { '/home/u/.claude.json': '{' } }, false],
] as const)('with %s it is signed in: %s → %s', async (_what, host, ready) => {
  const found = await claudeCode.detect(fakeHost({ programs: { claude: '2.1.329 (Claude Code)\n' }, ...host }))
  expect(found).toMatchObject({ version: '2.1.329', ready })
  if (!ready) expect(found.problem).toContain('/login')
})

test('without the program it says how to install it', async () => {
  const found = await claudeCode.detect(fakeHost({}))
  expect(found).toMatchObject({ ready: false, version: null })
  expect(found.problem).toContain('npm install -g @anthropic-ai/claude-code')
})

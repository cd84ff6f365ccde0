// What is particular to Codex.

import { expect, test } from 'vitest'
import { codex } from '../../../src/daemon/harness/codex.ts'
import { conclude, feed } from './contract.ts'
import { fakeHost, runInput } from './hosts.ts'
import { codexEndings, codexFailure, codexItem, codexWork, err, out, session } from './transcripts.ts'

const failedExit = { code: 1, signal: null }

test('a run reads as a command with its output and exit code, words, tokens and an end', () => {
  const { events } = feed(codex, codexEndings.success.lines)
  expect(events).toEqual([
    {
      type: 'tool_start',
      id: 'item_1',
      name: 'shell',
      input: { command: '/bin/bash -lc "make test"' },
      title: 'make test',
    },
    { type: 'tool_end', id: 'item_1', ok: true, output: 'all passed\n', exitCode: 0 },
    { type: 'text', text: 'Done: one file.' },
    {
      type: 'usage',
      usage: { inputTokens: 2_000, outputTokens: 80, cacheReadTokens: 400, cacheWriteTokens: 10 },
      costUsd: null,
    },
    { type: 'turn_end', reason: 'completed' },
  ])
})

test('a named model’s tokens have an estimated cost by list price', () => {
  let state = codex.initial()
  let last: unknown = null
  for (const line of codexEndings.success.lines) {
    const step = codex.reduce(state, line, runInput({ model: 'gpt-5-codex' }))
    state = step.state
    last = step.events.find((event) => event.type === 'usage') ?? last
  }
  // 2000 × $1.25 + 400 × $0.125 + 10 × $1.25 + 80 × $10, per million
  expect(last).toMatchObject({ costUsd: expect.closeTo(0.0033625, 8), estimate: true })
  expect(codex.finish(state, { code: 0, signal: null })).toMatchObject({
    ok: true,
    costUsd: expect.closeTo(0.0033625, 8),
    costEstimated: true,
  })
})

test('an error is not the end: a reconnect is a retry, and the turn may still complete', () => {
  const again = { type: 'error', message: 'Reconnecting... 2/5 (stream disconnected before completion)' }
  const lines = [...out(again), ...codexEndings.success.lines]
  expect(feed(codex, lines).events[0]).toEqual({
    type: 'retry',
    tries: 2,
    delayMs: null,
    class: 'network',
    message: again.message,
  })
  expect(conclude(codex, lines)).toMatchObject({ ok: true, sessionRef: session })
})

test('an item of type error is a warning, not a failed turn', () => {
  const item = codexItem('completed', { id: 'item_0', type: 'error', message: 'Model metadata not found.' })
  const lines = [...out(item), ...codexEndings.success.lines]
  expect(feed(codex, lines).events[0]).toMatchObject({ type: 'notice', level: 'warning' })
  expect(conclude(codex, lines)).toMatchObject({ ok: true })
})

test.each([
  ['Quota exceeded. Check your plan and billing details.', 'quota', 'quota'],
  ["You've hit your usage limit. Upgrade to Pro or try again at 2:27 AM.", 'quota', 'quota'],
  ['Missing environment variable: `OPENAI_API_KEY`.', 'auth', 'auth'],
  ['The model `gpt-9` does not exist or you do not have access to it.', 'model_invalid', 'model_invalid'],
  ['stream disconnected before completion: Transport error: network error', 'transport', 'network'],
  ["Codex ran out of room in the model's context window.", 'agent_failed', 'context_full'],
  ['something else', 'agent_failed', null],
] as const)('a turn that failed with "%s" is %s of class %s', (words, reason, kind) => {
  expect(conclude(codex, codexFailure(words), failedExit)).toMatchObject({
    ok: false,
    reason,
    class: kind,
    detail: words,
  })
})

test('the time in the prose becomes an instant when the end of the process is known', () => {
  const at = new Date(2026, 10, 21, 1, 0).getTime()
  const words = (when: string) => codexFailure(`You've hit your usage limit. Or try again ${when}.`)
  const reset = (when: string) => {
    const verdict = conclude(codex, words(when), { ...failedExit, at })
    return verdict.ok ? null : verdict.resetAt
  }
  expect(reset('at 2:27 AM')).toBe(new Date(2026, 10, 21, 2, 27).getTime())
  expect(reset('at 12:30 AM')).toBe(new Date(2026, 10, 22, 0, 30).getTime())
  expect(reset('at Nov 24th, 2026 3:05 PM')).toBe(new Date(2026, 10, 24, 15, 5).getTime())
  expect(reset('in 2 hours 5 minutes')).toBe(at + 7_500_000)
  expect(reset('later')).toBeNull()
})

test('a thread that is gone is not resumable', () => {
  const words = 'Error: thread/resume: thread/resume failed: no rollout found for thread id 1 (code -32600)'
  expect(conclude(codex, err(words), failedExit)).toMatchObject({ reason: 'not_resumable', detail: words })
})

test('a run cut during reconnects keeps the class of the trouble', () => {
  const lines = out({ type: 'error', message: 'Reconnecting... 1/5 (We’re currently experiencing high demand)' })
  expect(conclude(codex, lines, { code: null, signal: 'SIGTERM' })).toMatchObject({
    reason: 'transport',
    class: 'overloaded',
  })
})

test('changes, plans, searches and tools of servers are shown', () => {
  const { events } = feed(
    codex,
    out(
      codexItem('completed', {
        id: 'a',
        type: 'file_change',
        changes: [{ path: 'src/a.ts', kind: 'update' }],
        status: 'completed',
      }),
      codexItem('updated', {
        id: 'b',
        type: 'todo_list',
        items: [{ text: 'read', completed: true }, { text: 'write' }],
      }),
      codexItem('started', { id: 'c', type: 'mcp_tool_call', server: 'git', tool: 'log', arguments: { n: 1 } }),
      codexItem('completed', {
        id: 'c',
        type: 'mcp_tool_call',
        server: 'git',
        tool: 'log',
        status: 'failed',
        error: { message: 'no' },
      }),
      codexItem('completed', { id: 'd', type: 'reasoning', text: 'hm' }),
    ),
  )
  expect(events).toMatchObject([
    { type: 'tool_start', id: 'a', name: 'apply_patch', title: 'update src/a.ts' },
    { type: 'tool_end', id: 'a', ok: true },
    {
      type: 'plan',
      items: [
        { text: 'read', status: 'completed' },
        { text: 'write', status: 'pending' },
      ],
    },
    { type: 'tool_start', id: 'c', title: 'git: log', input: { n: 1 } },
    { type: 'tool_end', id: 'c', ok: false, output: 'no' },
    { type: 'thinking', text: 'hm' },
  ])
})

test('a command that failed is not ok, and an unknown item stays raw', () => {
  const command = { id: 'a', type: 'command_execution', command: 'false', aggregated_output: '', exit_code: 1 }
  const odd = codexItem('completed', { id: 'b', type: 'hologram' })
  const { events } = feed(codex, [...codexWork.slice(0, 2), ...out(codexItem('completed', command), odd)])
  expect(events.slice(1)).toMatchObject([
    { type: 'tool_end', ok: false, exitCode: 1 },
    { type: 'raw', stream: 'stdout', line: JSON.stringify(odd) },
  ])
})

test('autonomy becomes the access of the sandbox; what it cannot do is named', () => {
  const full = codex.launch(runInput({ model: 'gpt-x' }))
  expect(full.argv.join(' ')).toBe(
    'codex exec --json --skip-git-repo-check -c check_for_update_on_startup=false -c analytics.enabled=false -c projects={"/w"={trust_level="trusted"}} --dangerously-bypass-approvals-and-sandbox --model=gpt-x -',
  )
  const edit = codex.launch(runInput({ autonomy: 'edit', sessionRef: session, maxTurns: 3 }))
  expect(edit.argv.slice(-7)).toEqual([
    '-c',
    'sandbox_mode="workspace-write"',
    '-c',
    'approval_policy="never"',
    'resume',
    session,
    '-',
  ])
  expect(edit.notHonoured[0]).toContain('maxTurns')
})

test('the temporary folder never holds CODEX_HOME', () => {
  const inside = codex.launch(runInput({ env: { HOME: '/tmp/h', TMPDIR: '/tmp/' } }))
  expect(inside.env).toEqual({ TMPDIR: '/runs/1' })
  const unset = codex.launch(runInput({ env: { HOME: '/home/u', CODEX_HOME: '/tmp/c' } }))
  expect(unset.env).toEqual({ TMPDIR: '/runs/1' })
  expect(codex.launch(runInput({ env: { HOME: '/home/u', TMPDIR: '/home/u/.codex/tmp' } })).env).toEqual({})
})

const provider = 'model_provider = "p"\n[model_providers.p]\nname = "p"\n'

test.each([
  ['a key', { env: { OPENAI_API_KEY: 'k' } }, true],
  ['auth.json', { files: { '/home/u/.codex/auth.json': '{"tokens":{}}' } }, true],
  ['a provider without a key', { files: { '/home/u/.codex/config.toml': provider } }, true],
  [
    'a provider whose key is set',
    { env: { P_KEY: 'k' }, files: { '/home/u/.codex/config.toml': `${provider}env_key = "P_KEY"` } },
    true,
  ],
  ['a provider whose key lacks', { files: { '/home/u/.codex/config.toml': `${provider}env_key = "P_KEY"` } }, false],
  ['a keyring', { files: { '/home/u/.codex/config.toml': 'cli_auth_credentials_store = "keyring"' } }, true],
  ['a broken config.toml', { files: { '/home/u/.codex/config.toml': '[[[' } }, false],
  ['nothing', {}, false],
] as const)('with %s it is signed in: %s → %s', async (_what, host, ready) => {
  const found = await codex.detect(fakeHost({ programs: { codex: 'codex-cli 0.169.0\n' }, ...host }))
  expect(found).toMatchObject({ version: '0.169.0', ready })
  if (!ready) expect(found.problem).toMatch(/codex login|P_KEY/)
})

test('the variables that config.toml names reach the run', () => {
  const host = fakeHost({ files: { '/home/u/.codex/config.toml': `${provider}env_key = "P_KEY"` } })
  expect(codex.moreEnv?.(host)).toEqual(['P_KEY'])
})

test('a program that does not answer is not ready', async () => {
  const found = await codex.detect(fakeHost({ programs: { codex: null } }))
  expect(found).toMatchObject({ ready: false, version: null })
  expect(found.problem).toContain('--version')
})

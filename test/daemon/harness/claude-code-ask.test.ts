// Claude Code with autonomy ask: its control requests become asks, and answers become what the CLI takes. Shapes as measured on 2.1.329.

import { expect, test } from 'vitest'
import { claudeCode } from '../../../src/daemon/harness/claude-code.ts'
import type { ClaudeState } from '../../../src/daemon/harness/claude-code-state.ts'
import { initialClaudeState } from '../../../src/daemon/harness/claude-code-state.ts'
import { nothingGiven } from '../../../src/daemon/harness/given.ts'
import type { Brief, Reduced, RunInput } from '../../../src/daemon/harness/port.ts'

const brief: Brief = {
  prompt: 'do it',
  cwd: '/ws',
  model: null,
  autonomy: 'ask',
  maxTurns: null,
  sessionRef: null,
  trusted: true,
  mcp: null,
}
const input: RunInput = {
  ...brief,
  promptFile: '/run/prompt',
  asRoot: true,
  env: {},
  filesDir: '/run/files',
  given: nothingGiven,
}

function read(line: object, state: ClaudeState = initialClaudeState(), as = brief): Reduced<ClaudeState> {
  return claudeCode.reduce(state, { stream: 'stdout', text: JSON.stringify(line) }, as)
}

function asks(tool: string, toolInput: object, more: object = {}): Reduced<ClaudeState> {
  const request = { subtype: 'can_use_tool', tool_name: tool, input: toolInput, ...more }
  return read({ type: 'control_request', request_id: 'r1', request })
}

function answered(asked: Reduced<ClaudeState>, optionId: string | null, text: string | null = null): unknown[] {
  // JSON survives the journal; the state is plain
  const state: ClaudeState = JSON.parse(JSON.stringify(asked.state))
  const step = claudeCode.answer?.(state, { key: 'r1', optionId, text }, brief)
  expect(step?.state.pending).toEqual({})
  return (step?.send ?? []).map((line) => JSON.parse(line))
}

const response = (inner: object) => [
  { type: 'control_response', response: { subtype: 'success', request_id: 'r1', response: inner } },
]

test('the prompt goes in as a message of a conversation whose input stays open; requests come over the same pipes', () => {
  const { argv, stdin, env } = claudeCode.launch(input)
  expect(argv.join(' ')).toBe(
    'claude -p --output-format stream-json --verbose --input-format stream-json --permission-prompt-tool stdio --permission-mode default',
  )
  expect(stdin).toEqual({
    kind: 'pipe',
    text: '{"type":"user","message":{"role":"user","content":[{"type":"text","text":"do it"}]}}\n',
  })
  expect(env).not.toHaveProperty('IS_SANDBOX')
})

test('full and edit keep the prompt as a file', () => {
  for (const autonomy of ['full', 'edit'] as const) {
    const { argv, stdin } = claudeCode.launch({ ...input, autonomy })
    expect(stdin).toEqual({ kind: 'file', text: 'do it' })
    expect(argv).not.toContain('--permission-prompt-tool')
  }
})

test('the run’s own tools are added by a file of the run, and need nobody’s leave', () => {
  const mcp = { name: 'capstan', command: '/bin/node', args: ['bridge'], env: { SOCKET: '/run/s' } }
  const { argv, files } = claudeCode.launch({ ...input, mcp })
  expect(argv.slice(-2)).toEqual(['--mcp-config=/run/files/mcp.json', '--allowedTools=mcp__capstan'])
  expect(JSON.parse(files?.[0]?.text ?? '')).toEqual({
    mcpServers: { capstan: { type: 'stdio', command: '/bin/node', args: ['bridge'], env: { SOCKET: '/run/s' } } },
  })
})

test('a tool that needs leave is asked with its whole input, and allowed with the same', () => {
  const command = { command: 'npm publish', description: 'Publish it' }
  const asked = asks('Bash', command, { blocked_path: '/ws/x' })
  expect(asked.asks).toEqual([
    {
      key: 'r1',
      kind: 'permission',
      title: 'npm publish',
      body: { tool: 'Bash', ...command, blockedPath: '/ws/x' },
      options: [
        { id: 'allow', label: 'Allow', grants: 'allow' },
        { id: 'deny', label: 'Deny', grants: 'deny' },
      ],
      command: 'npm publish',
    },
  ])
  expect(answered(asked, 'allow')).toEqual(response({ behavior: 'allow', updatedInput: command }))
})

test('a denial carries the words of the person; silence denies too', () => {
  const asked = asks('Write', { file_path: '/ws/a.txt', content: 'x' })
  expect(asked.asks?.[0]).toMatchObject({ title: 'Write: /ws/a.txt', command: null })
  expect(answered(asked, 'deny', 'not there')).toEqual(response({ behavior: 'deny', message: 'not there' }))
  expect(answered(asked, 'deny')).toEqual(response({ behavior: 'deny', message: 'A person denied this.' }))
  const silence = { behavior: 'deny', message: 'Nobody answered in time, so this is denied.' }
  expect(answered(asked, null)).toEqual(response(silence))
})

test('what lasts is kept to this run: nothing is written into anybody’s settings', () => {
  const rule = { type: 'addRules', rules: [{ toolName: 'Bash', ruleContent: 'npm test' }], behavior: 'allow' }
  const others = [
    { type: 'setMode', mode: 'bypassPermissions', destination: 'session' },
    { type: 'addDirectories', directories: ['/'], destination: 'session' },
  ]
  const suggestions = { permission_suggestions: [{ ...rule, destination: 'localSettings' }, ...others] }
  const asked = asks('Bash', { command: 'npm test' }, suggestions)
  expect(asked.asks?.[0]?.options.map(({ grants }) => grants)).toEqual(['allow', 'always', 'deny'])
  expect(answered(asked, 'always')).toEqual(
    response({
      behavior: 'allow',
      updatedInput: { command: 'npm test' },
      updatedPermissions: [{ ...rule, destination: 'session' }],
    }),
  )
})

test('no rule sees a command that asks for more than to be run', () => {
  expect(asks('Bash', { command: 'ls', timeout: 5 }).asks?.[0]?.command).toBe('ls')
  expect(asks('Bash', { command: 'ls', dangerouslyDisableSandbox: true }).asks?.[0]?.command).toBeNull()
  expect(asks('mcp__x__run', { command: 'ls' }).asks?.[0]?.command).toBeNull()
})

test('the tool’s name is not the agent’s to choose', () => {
  expect(asks('mcp__x__run', { tool: 'Bash', command: 'ls' }).asks?.[0]?.body).toEqual({
    tool: 'mcp__x__run',
    input: { tool: 'Bash', command: 'ls' },
  })
})

const colour = {
  question: 'Which colour?',
  header: 'colour',
  multiSelect: false,
  options: [
    { label: 'red', description: 'warm' },
    { label: 'blue', description: 'cold' },
  ],
}

test('a question has its choices as options, and is answered by its text', () => {
  const asked = asks('AskUserQuestion', { questions: [colour] })
  expect(asked.asks?.[0]).toMatchObject({
    kind: 'question',
    title: 'Which colour?',
    options: [
      { id: 'red', label: 'red: warm', grants: 'other' },
      { id: 'blue', label: 'blue: cold', grants: 'other' },
    ],
  })
  const given = (answers: object) => response({ behavior: 'allow', updatedInput: { questions: [colour], answers } })
  expect(answered(asked, 'blue')).toEqual(given({ 'Which colour?': 'blue' }))
  expect(answered(asked, null, 'green')).toEqual(given({ 'Which colour?': 'green' }))
  expect(answered(asked, null)).toMatchObject([{ response: { response: { behavior: 'deny' } } }])
})

test('several questions at once are answered in words, a line for each', () => {
  const questions = [colour, { ...colour, question: 'Which size?', options: [] }]
  const asked = asks('AskUserQuestion', { questions })
  expect(asked.asks?.[0]?.options).toEqual([])
  const [first] = answered(asked, null, 'blue\nlarge')
  expect(first).toMatchObject({
    response: { response: { updatedInput: { answers: { 'Which colour?': 'blue', 'Which size?': 'large' } } } },
  })
})

test('the agent may take a request back', () => {
  const asked = asks('Bash', { command: 'ls' })
  const step = read({ type: 'control_cancel_request', request_id: 'r1' }, asked.state)
  expect([step.withdrawn, step.state.pending]).toEqual([['r1'], {}])
  expect(claudeCode.answer?.(step.state, { key: 'r1', optionId: 'allow', text: null }, brief).send).toBeUndefined()
})

test('a control request of another kind is refused, so that nothing waits for ever', () => {
  const step = read({ type: 'control_request', request_id: 'r9', request: { subtype: 'hook_callback' } })
  expect(JSON.parse(step.send?.[0] ?? '')).toMatchObject({ response: { subtype: 'error', request_id: 'r9' } })
  expect(step.events).toMatchObject([{ type: 'raw' }])
})

test('the input ends with the result, and words are taken only while it is open', () => {
  const result = { type: 'result', subtype: 'success', is_error: false, result: 'done' }
  expect(read(result).endInput).toBe(true)
  expect(read(result, initialClaudeState(), { ...brief, autonomy: 'full' }).endInput).toBeUndefined()
  const say = (autonomy: Brief['autonomy']) => claudeCode.message?.(initialClaudeState(), 'go', { ...brief, autonomy })
  expect(say('ask')?.send).toHaveLength(1)
  expect(say('edit')).toMatchObject({ events: [{ type: 'notice', level: 'warning' }] })
})

test('odd requests do no harm', () => {
  for (const line of [
    { type: 'control_request' },
    { type: 'control_request', request_id: 'a' },
    { type: 'control_request', request_id: 3, request: {} },
    { type: 'control_cancel_request' },
  ]) {
    expect(read(line).events).toMatchObject([{ type: 'raw' }])
  }
  expect(asks('Bash', 'x' as unknown as object).asks?.[0]).toMatchObject({ title: 'Bash', command: null })
  expect(asks('AskUserQuestion', { questions: 'x' }).asks?.[0]).toMatchObject({ kind: 'permission' })
})

test('a second request under the id of an open one does not take its place', () => {
  const first = asks('Bash', { command: 'ls' })
  const request = { subtype: 'can_use_tool', tool_name: 'Bash', input: { command: 'rm -rf /' } }
  const second = read({ type: 'control_request', request_id: 'r1', request }, first.state)
  expect(second.asks ?? []).toEqual([])
  expect(answered(second, 'allow')).toEqual(response({ behavior: 'allow', updatedInput: { command: 'ls' } }))
})

test('what waits stays bounded: the seventeenth request, and one of megabytes, are denied at once', () => {
  const request = { subtype: 'can_use_tool', tool_name: 'Bash', input: { command: 'ls' } }
  const ids = Array.from({ length: 17 }, (_, at) => `r${at}`)
  let state = initialClaudeState()
  const asked = ids.map((id) => {
    const step = read({ type: 'control_request', request_id: id, request }, state)
    state = step.state
    return step
  })
  expect(asked.filter(({ asks: put = [] }) => put.length === 1)).toHaveLength(16)
  expect(asked.at(-1)?.send?.[0]).toContain('"behavior":"deny"')
  const large = asks('Write', { content: 'x'.repeat(2_000_000) })
  expect(large.asks ?? []).toEqual([])
  expect(large.send?.[0]).toContain('it is too large')
})

test('the line a person reads of a command hides nothing of it', () => {
  const [asked] = asks('Bash', { command: "printf '\u001b[2J' && npm publish\nrm -rf /" }).asks ?? []
  expect(asked?.title).toBe("printf '^[[2J' && npm publish ⏎ rm -rf /")
})

// A request on the terminal: exactly what is asked, nothing hidden by the agent's own characters, ready commands.

import { expect, test } from 'vitest'
import { answerLines, requestPage, requestTable } from '../../../src/cli/render/request.ts'
import { plain } from '../../../src/cli/render/style.ts'
import { columns } from '../../../src/cli/render/wrap.ts'
import type { RequestView } from '../../../src/protocol/request-operations.ts'

const now = 1_000_000_000
const sheet = { style: plain, width: 80, now }

function request(changes: Partial<RequestView> = {}): RequestView {
  return {
    id: 'req_96vv6rpfcnhm20b3nwznqpftc2',
    taskId: 'task_01m7ye15v636mc8qxd6kc4d132',
    attemptId: 'att_1',
    daemonId: 'dmn_1',
    kind: 'permission',
    title: 'npm publish',
    body: { tool: 'Bash', command: 'npm publish\n  --tag next' },
    options: [
      { id: 'allow', label: 'Allow', grants: 'allow' },
      { id: 'always', label: 'Allow npm publish', grants: 'always' },
      { id: 'deny', label: 'Deny', grants: 'deny' },
    ],
    state: 'open',
    createdAt: now - 60_000,
    expiresAt: now + 3_600_000,
    answer: null,
    ...changes,
  }
}

test('a page says what is asked, by when, the options, and how to answer', () => {
  expect(requestPage(request(), sheet)).toEqual([
    'npm publish',
    'req_96vv6rpfcnhm20b3nwznqpftc2  permission of task_01m7ye15v636mc8qxd6kc4d132',
    'asked 1m ago; denied unless answered within 1h',
    '',
    'tool',
    '  Bash',
    '',
    'command',
    '  npm publish',
    '    --tag next',
    '',
    'options',
    '  allow   Allow',
    '  always  Allow npm publish (not only this once)',
    '  deny    Deny',
    '',
    '  capstan task answer req_96vv6rpfcnhm20b3nwznqpftc2 --allow',
    '  capstan task answer req_96vv6rpfcnhm20b3nwznqpftc2 --deny',
    '  capstan task answer req_96vv6rpfcnhm20b3nwznqpftc2 --option ID',
  ])
})

test('an agent cannot hide or repaint what it asks for', () => {
  const body = { command: 'rm -rf / \x1b[2K\x1b[1Gls \u202e#\u200b', diff: { 'a\x07': 1 } }
  const lines = requestPage(request({ title: 'ls\x1b]0;x\x07', body }), sheet)
  for (const line of lines) expect(line).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e\u200b]/)
  const text = lines.join('\n')
  expect(text).toContain('rm -rf / ^[[2K^[[1Gls \\u{202e}#\\u{200b}')
})

test('long commands are wrapped, not cut, and fit the width', () => {
  const command = `echo ${'word '.repeat(100)}end`
  const lines = requestPage(request({ body: { command } }), sheet)
  for (const line of lines) expect(columns(line)).toBeLessThanOrEqual(80)
  expect(lines.join(' ').match(/word/g)).toHaveLength(100)
})

test('the words of a question and its choices stand on the page once; what is nowhere else stays', () => {
  const asked = (question: object, options: RequestView['options']) =>
    requestPage(
      request({ kind: 'question', title: 'Which one?', body: { questions: [question] }, options }),
      sheet,
    ).slice(3)
  const choices = [
    { label: 'red', description: 'take red' },
    { label: 'blue', description: 'take blue' },
  ]
  const listed = choices.map(({ label, description }) => ({
    id: label,
    label: `${label}: ${description}`,
    grants: 'other' as const,
  }))
  const whole = { question: 'Which one?', header: 'Colour', options: choices, multiSelect: false }
  expect(asked(whole, listed)).toEqual([
    ...['', 'header', '  Colour', '', 'options', '  red   take red', '  blue  take blue', ''],
    '  capstan task answer req_96vv6rpfcnhm20b3nwznqpftc2 --option ID',
    '  capstan task answer req_96vv6rpfcnhm20b3nwznqpftc2 --text "…"',
  ])
  expect(asked({ ...whole, multiSelect: true }, []).join('\n')).toMatch(/take red.*take blue.*multiSelect\n {2}true/s)
  expect(asked(whole, listed.slice(1)).join('\n')).toContain('take red')
})

test('a question is answered by one of its choices or in words', () => {
  const choices = [{ id: 'red', label: 'red', grants: 'other' as const }]
  const id = 'req_96vv6rpfcnhm20b3nwznqpftc2'
  expect(answerLines(request({ kind: 'question', options: choices }))).toEqual([
    `capstan task answer ${id} --option ID`,
    `capstan task answer ${id} --text "…"`,
  ])
  expect(answerLines(request({ kind: 'question', options: [] }))).toEqual([`capstan task answer ${id} --text "…"`])
})

test('one that is over says how, and offers no answer', () => {
  const answer = { optionId: 'deny', text: 'not now', by: 'user:ann', at: now - 5_000 }
  expect(requestPage(request({ state: 'answered', answer }), sheet)[2]).toBe(
    'asked 1m ago; answered 5s ago by user:ann: deny: not now',
  )
  const words = { expired: 'nobody answered', withdrawn: 'took it back', closed: 'attempt ended' } as const
  for (const state of ['expired', 'withdrawn', 'closed'] as const) {
    const lines = requestPage(request({ state }), sheet)
    expect(lines[2]).toContain(words[state])
    expect(lines.join('\n')).not.toContain('capstan task answer')
  }
})

test('many are a table', () => {
  expect(requestTable([request(), request({ state: 'expired', title: 'x '.repeat(100) })], sheet)).toMatchObject(
    [
      /^request +state +asks$/,
      /^req_96vv6rpfcnhm20b3nwznqpftc2 +until \+1h +npm publish$/,
      /^req_96vv6rpfcnhm20b3nwznqpftc2 +expired +x .*…$/,
    ].map((pattern) => expect.stringMatching(pattern)),
  )
})

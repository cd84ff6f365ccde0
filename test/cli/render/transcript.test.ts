import { expect, it } from 'vitest'
import { plain } from '../../../src/cli/render/style.ts'
import { nothingShown, tell } from '../../../src/cli/render/transcript.ts'
import { columns } from '../../../src/cli/render/wrap.ts'
import type { TranscriptEvent } from '../../../src/protocol/events.ts'
import { numbered } from '../sample.ts'

function told(events: readonly TranscriptEvent[], width = 60): string[] {
  let shown = nothingShown
  return events.flatMap((event) => {
    const next = tell(shown, event, { style: plain, width })
    shown = next.shown
    return [...next.lines]
  })
}

it('shows what the agent says and which tool it ran', () => {
  const events = numbered([
    { type: 'thinking', text: 'Let me look at the test first.' },
    { type: 'text', text: 'I will look at the failing test, then mend the code it tests.' },
    { type: 'tool_start', id: 't1', name: 'Bash', input: {}, title: 'npm test' },
    { type: 'tool_end', id: 't1', ok: false, output: 'line one\nAssertionError: 1 != 2\n', exitCode: 1 },
    { type: 'tool_start', id: 't2', name: 'Edit', input: {}, title: 'src/sum.ts' },
    { type: 'tool_end', id: 't2', ok: true, output: '' },
    { type: 'text', text: 'Done.' },
    { type: 'turn_end' },
  ])
  expect(told(events)).toEqual([
    '',
    '  Let me look at the test first.',
    '',
    'I will look at the failing test, then mend the code it',
    'tests.',
    '',
    '> Bash  npm test',
    '  failed, exit 1, 2 lines: AssertionError: 1 != 2',
    '> Edit  src/sum.ts',
    '  ok',
    '',
    'Done.',
  ])
})

it('names a tool again when another one ran in between', () => {
  const events = numbered([
    { type: 'tool_start', id: 'a', name: 'Bash', input: {}, title: 'sleep 5' },
    { type: 'tool_start', id: 'b', name: 'Read', input: {}, title: 'README.md' },
    { type: 'tool_end', id: 'b', ok: true, output: 'one line' },
    { type: 'tool_end', id: 'a', ok: true, output: '' },
  ])
  expect(told(events)).toEqual(['> Bash  sleep 5', '> Read  README.md', '  ok: one line', '> Bash  sleep 5', '  ok'])
})

it('shows retries, notices, requests, errors and plans', () => {
  const events = numbered([
    { type: 'retry', tries: 2, delayMs: 5_000, class: 'rate_limit', message: 'HTTP 429' },
    { type: 'notice', message: 'context was compacted' },
    { type: 'request', requestId: 'r', kind: 'permission', title: 'run rm -rf build' },
    { type: 'error', class: 'overloaded', message: 'the model is overloaded' },
    {
      type: 'plan',
      items: [
        { text: 'look', status: 'completed' },
        { text: 'mend', status: 'in_progress' },
        { text: 'test', status: 'pending' },
      ],
    },
  ])
  expect(told(events)).toEqual([
    'try 2 failed, again in 5s (rate limit): HTTP 429',
    'note: context was compacted',
    'asks: run rm -rf build',
    '  capstan task answer r --allow (or --deny)',
    '  the whole of it: capstan task requests r',
    'error (overloaded): the model is overloaded',
    '',
    '[x] look',
    '[>] mend',
    '[ ] test',
  ])
})

it('long thinking is cut, text is not', () => {
  const long = 'word '.repeat(60)
  expect(told(numbered([{ type: 'thinking', text: long }]))).toHaveLength(1 + 3)
  expect(told(numbered([{ type: 'thinking', text: long }])).at(-1)).toMatch(/…$/)
  expect(
    told(numbered([{ type: 'text', text: long }]))
      .join(' ')
      .match(/word/g),
  ).toHaveLength(60)
})

it('says when another attempt begins', () => {
  const events = [...numbered([{ type: 'text', text: 'a' }]), ...numbered([{ type: 'text', text: 'b' }], 2)]
  expect(told(events)).toEqual(['', 'a', '', 'attempt 2', '', 'b'])
})

it('nothing an agent prints reaches the terminal as a control sequence or breaks the width', () => {
  const evil = '\x1b]0;owned\x07\x1b[2J\u202e日本語テキスト日本語テキスト日本語テキスト日本語テキスト\r\nx\x00'
  const events = numbered([
    { type: 'text', text: evil },
    { type: 'thinking', text: evil },
    { type: 'tool_start', id: evil, name: evil, input: {}, title: evil },
    { type: 'tool_end', id: evil, ok: true, output: evil },
    { type: 'notice', message: evil },
    { type: 'retry', tries: 1, delayMs: null, class: null, message: evil },
    { type: 'error', class: null, message: evil },
    { type: 'raw', stream: 'stderr', line: evil },
    { type: 'request', requestId: evil, kind: 'question', title: evil },
    { type: 'plan', items: [{ text: evil, status: 'pending' }] },
  ])
  for (const line of told(events, 50)) {
    expect(line).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e]/)
    expect(columns(line)).toBeLessThanOrEqual(50)
  }
})

it('raw lines are shown muted, empty ones are not', () => {
  expect(
    told(
      numbered([
        { type: 'raw', stream: 'stdout', line: 'building' },
        { type: 'raw', stream: 'stdout', line: '' },
      ]),
    ),
  ).toEqual(['  building'])
})

it('tells an error once that a CLI reports when it comes and again as the end of its turn', () => {
  const error = { type: 'error', class: 'quota', message: 'the limit is reached' } as const
  const line = 'error (quota): the limit is reached'
  const twice = numbered([error, { ...error, fatal: true }, { type: 'turn_end', reason: 'failed' }])
  expect(told(twice)).toEqual([line])
  expect(told(numbered([error, { type: 'notice', message: 'again' }, error]))).toEqual([line, 'note: again', line])
})

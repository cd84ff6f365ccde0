// A transcript as rows, from whichever end it is read; and what programs print, as text.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EventBody, TranscriptEvent } from '../../src/protocol/events.ts'
import { exactText, piecesOf, plainText } from '../../web/parts/ansi.ts'
import type { Row } from '../../web/task/rows.ts'
import { join, rowsOf, textOf } from '../../web/task/rows.ts'

const reading = { plain: (attempt: number) => attempt === 2 }

function numbered(bodies: readonly EventBody[], attempt = 1): TranscriptEvent[] {
  return bodies.map((body, i) => ({ attempt, seq: i + 1, at: i, ...body }))
}

const kinds = (rows: readonly Row[]) => rows.map((row) => row.kind)

test('a tool and its end are one row, also when others ran in between', () => {
  const rows = rowsOf(
    numbered([
      { type: 'tool_start', id: 'a', name: 'Read', input: {}, title: 'x' },
      { type: 'tool_start', id: 'b', name: 'Read', input: {}, title: 'y' },
      { type: 'tool_end', id: 'b', ok: true, output: 'Y' },
      { type: 'tool_end', id: 'a', ok: false, output: 'X' },
    ]),
    reading,
  )
  expect(rows.flatMap((row) => (row.kind === 'tool' ? [[row.start?.title, row.end?.output]] : []))).toEqual([
    ['x', 'X'],
    ['y', 'Y'],
  ])
})

test('lines that a program prints come together, an agent’s words do not', () => {
  const words: EventBody[] = [
    { type: 'text', text: 'one' },
    { type: 'text', text: 'two' },
  ]
  expect(kinds(rowsOf(numbered(words, 2), reading))).toEqual(['attempt', 'lines'])
  expect(kinds(rowsOf(numbered(words, 1), reading))).toEqual(['attempt', 'text', 'text'])
})

test('events of a newer server are shown, never dropped', () => {
  const strange = { attempt: 1, seq: 5, at: 0, type: 'hologram', depth: 3 } as unknown as TranscriptEvent // what this build does not know
  expect(rowsOf([strange], reading)).toMatchObject([{ kind: 'other', event: strange }])
})

const body = fc.oneof<fc.Arbitrary<EventBody>[]>(
  fc.record({ type: fc.constant('text' as const), text: fc.constantFrom('a', 'b') }),
  fc.record({
    type: fc.constant('raw' as const),
    stream: fc.constantFrom('stdout' as const, 'stderr' as const),
    line: fc.constant('l'),
  }),
  fc.record({ type: fc.constant('notice' as const), message: fc.constant('n') }),
)

test('read in two runs or in one, no word is lost, twice or out of order', () => {
  fc.assert(
    fc.property(fc.array(body, { maxLength: 60 }), fc.nat(), (bodies, cut) => {
      const events = numbered(bodies)
      const at = events.length === 0 ? 0 : cut % events.length
      const both = join(rowsOf(events.slice(0, at), reading), rowsOf(events.slice(at), reading))
      expect(wordsOf(both)).toEqual(wordsOf(rowsOf(events, reading)))
      expect(new Set(both.map((row) => row.key)).size).toBe(both.length)
    }),
  )
})

function wordsOf(rows: readonly Row[]): string[] {
  return rows.flatMap((row) => (row.kind === 'lines' ? row.lines.map((line) => `${row.stream} ${line}`) : [row.kind]))
}

test('a tool that began in one run and ended in the next is one row', () => {
  const events = numbered([
    { type: 'tool_start', id: 'a', name: 'Read', input: {}, title: 'x' },
    { type: 'tool_end', id: 'a', ok: true, output: 'X' },
  ])
  const rows = join(rowsOf(events.slice(0, 1), reading), rowsOf(events.slice(1), reading))
  expect(rows).toMatchObject([{ kind: 'attempt' }, { kind: 'tool', start: { title: 'x' }, end: { output: 'X' } }])
})

test.each([
  [
    '\u001b[31mred\u001b[0m plain',
    [
      ['red', 'text-bad'],
      [' plain', ''],
    ],
  ],
  ['\u001b[38;5;31mx\u001b[39m', [['x', '']]],
  ['\u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007', [['link', '']]],
  ['10%\r50%\r100%\n', [['100%\n', '']]],
  [
    '\u001b[2J\u001b[1;1H\u0000\u0007hidden\u009b5m',
    [
      ['hidden', ''],
      ['5m', ''],
    ],
  ],
  ['a\u202eb', [['a⟨U+202E⟩b', '']]],
])('%j is shown as %j', (text, pieces) => {
  expect(piecesOf(text).map((piece) => [piece.text, piece.look])).toEqual(pieces)
  expect(plainText(text)).toBe(pieces.map(([each]) => each).join(''))
})

test.each([
  ['rm -rf /\recho hi', 'rm -rf /␍echo hi'],
  ['\u001b[2Kecho hi\u0007', '␛[2Kecho hi␇'],
  ['a\u200bb\u00adc\ufeffd\u{e0041}e', 'a⟨U+200B⟩b⟨U+AD⟩c⟨U+FEFF⟩d⟨U+E0041⟩e'],
  ['a\u202eb\u007f\u009b', 'a⟨U+202E⟩b␡⟨U+9B⟩'],
  ['tab\tand\nline, é 漢字 👩‍👩‍👧', 'tab\tand\nline, é 漢字 👩‍👩‍👧'],
])('of %j a person who judges it sees every character: %j', (text, shown) => {
  expect(exactText(text)).toBe(shown)
})

test('find looks through words without their colours, and through what a tool was given', () => {
  const rows = rowsOf(
    numbered([
      { type: 'text', text: 'a \u001b[31mred\u001b[0m word' },
      { type: 'tool_start', id: 'a', name: 'Write', input: { file: 'a.ts', content: 'let x' }, title: 'a.ts' },
    ]),
    reading,
  )
  expect(rows.map(textOf)).toEqual(['attempt 1', 'a red word', 'Write a.ts file: a.ts\ncontent: let x '])
})

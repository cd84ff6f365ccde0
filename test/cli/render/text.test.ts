import { expect, it } from 'vitest'
import { age, bytes, dollars, relative, short, tokens } from '../../../src/cli/render/figures.ts'
import { makeStyle, plain } from '../../../src/cli/render/style.ts'
import { pairLines, tableLines } from '../../../src/cli/render/table.ts'
import { oneLine, visible } from '../../../src/cli/render/visible.ts'
import { columns, cut, wrap } from '../../../src/cli/render/wrap.ts'

it('removes escape sequences that an agent printed', () => {
  expect(visible('\x1b[31mred\x1b[0m')).toBe('red')
  expect(visible('\x1b]0;owned\x07title')).toBe('title')
  expect(visible('\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\')).toBe('link')
  expect(visible('\x1b[2J\x1b[Hgone?')).toBe('gone?')
  expect(visible('\x9b31mC1\x9d0;t\x9c!')).toBe('C1!')
  expect(visible('cut off \x1b[')).toBe('cut off ')
})

it('an escape that an escape was hidden in does not come back', () => {
  expect(visible('\x1b\x1b[31m[31mred')).not.toContain('\x1b')
})

it('makes other control characters visible', () => {
  expect(visible('a\x00b\x07c\x7f')).toBe('a^@b^Gc^?')
  expect(visible('safe\u202eexe.txt')).toBe('safe\\u{202e}exe.txt')
  expect(visible('a\tb\r\nc\rd')).toBe('a  b\nc\nd')
})

it('oneLine folds white space', () => {
  expect(oneLine(' a\n\n  b\x1b[0m ')).toBe('a b')
})

it('counts wide and combining characters as a terminal does', () => {
  expect(columns('abc')).toBe(3)
  expect(columns('日本')).toBe(4)
  expect(columns('e\u0301')).toBe(1)
  expect(cut('日本語テキスト', 7)).toBe('日本語…')
  expect(cut('short', 10)).toBe('short')
})

it('wraps at spaces, and keeps line feeds and indents', () => {
  expect(wrap('one two three four', 9)).toEqual(['one two', 'three', 'four'])
  expect(wrap('a\n\nb', 10)).toEqual(['a', '', 'b'])
  expect(wrap('- one two three', 9)).toEqual(['- one two', '  three'])
  expect(wrap('    code stays', 20)).toEqual(['    code stays'])
  expect(wrap('abcdefghijkl', 5)).toEqual(['abcde', 'fghij', 'kl'])
})

it('every wrapped line fits', () => {
  const text = 'Lorem https://example.com/a/very/long/path/that/does/not/end/at/all ipsum 日本語テキスト dolor'
  for (const line of wrap(text, 20)) expect(columns(line)).toBeLessThanOrEqual(20)
})

it('a table cuts its flexible column to the width', () => {
  const table = {
    head: ['ID', 'N', 'TITLE'],
    rows: [
      ['a1', '5', 'a title that is much too long'],
      ['b22', '12', 'short'],
    ],
    flexible: 2,
    right: [1],
  }
  expect(tableLines(table, 24, plain)).toEqual(['ID    N  TITLE', 'a1    5  a title that i…', 'b22  12  short'])
})

it('colours do not change the layout', () => {
  const style = makeStyle(true)
  const lines = tableLines({ head: ['A', 'B'], rows: [[{ text: 'x', paint: style.red }, 'y']], flexible: 1 }, 80, style)
  expect(lines).toEqual(['\x1b[2mA\x1b[22m  \x1b[2mB\x1b[22m', '\x1b[31mx\x1b[39m  y'])
})

it('pairs stand in two columns', () => {
  expect(
    pairLines(
      [
        ['id', '1'],
        ['name', 'x'],
      ],
      plain,
    ),
  ).toEqual(['id    1', 'name  x'])
})

it('spells spans, sizes and money for people', () => {
  expect([0, 40_000, 300_000, 7_200_000, 172_800_000, 3_628_800_000].map(age)).toEqual([
    'now',
    '40s',
    '5m',
    '2h',
    '2d',
    '6w',
  ])
  expect([relative(1_000, 61_000), relative(61_000, 1_000), relative(5, 5)]).toEqual(['1m ago', 'in 1m', 'now'])
  expect([950, 12_345, 1_200_000].map(short)).toEqual(['950', '12.3k', '1.2M'])
  expect([12, 1_500, 52_300_000_000].map(bytes)).toEqual(['12 B', '1.5 KB', '52.3 GB'])
  expect([0.12, 0.0012, 0].map(dollars)).toEqual(['$0.12', '$0.0012', '$0.00'])
  expect(tokens({ inputTokens: 300, outputTokens: 20, cacheReadTokens: 0, cacheWriteTokens: 0 })).toBe(
    '300 tokens in, 20 out',
  )
})

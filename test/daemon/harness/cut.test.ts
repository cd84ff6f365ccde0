// Long text made short.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { boundedInput, cut, exactLine, oneLine } from '../../../src/daemon/harness/cut.ts'
import { maxToolOutput } from '../../../src/protocol/events.ts'

test('a cut text keeps its beginning and its end, says how much is gone, and never halves a character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), fc.integer({ min: 8, max: 100 }), (text, max) => {
      const short = cut(text, max)
      if (text.length <= max) expect(short).toBe(text)
      else {
        const [, head = '', gone, tail = ''] = /^(.*)\n\[… (\d+) characters cut …\]\n(.*)$/s.exec(short) ?? []
        expect(text.startsWith(head) && text.endsWith(tail)).toBe(true)
        expect(head.length + Number(gone) + tail.length).toBe(text.length)
        if (text.isWellFormed()) expect(short.isWellFormed()).toBe(true)
      }
    }),
  )
})

test('a cut falls on white space where there is some, so that no word is halved', () => {
  const text = Array.from({ length: 200 }, (_, index) => `word${index}`).join(' ')
  const words = cut(text, 300).split(/\s+/)
  expect(words.filter((word) => word.startsWith('w')).every((word) => text.split(' ').includes(word))).toBe(true)
})

test('one line folds white space', () => {
  expect(oneLine(' a\n\tb ')).toBe('a b')
  expect(oneLine('x'.repeat(300))).toHaveLength(200)
})

test('an exact line spells out what would hide in it', () => {
  expect(exactLine("printf '\u001b[2J'  x\nrm -rf /\u202e\n")).toBe("printf '^[[2J'  x ⏎ rm -rf /\\u{202e}")
  expect(exactLine('x'.repeat(300))).toHaveLength(200)
})

test('an input that is too large or too deep is made small', () => {
  const small = { a: [1, 'b'] }
  expect(boundedInput(small)).toBe(small)
  expect(boundedInput(undefined)).toBeNull()
  const large = boundedInput({ file_path: 'a', content: 'x '.repeat(100_000) })
  expect(large).toMatchObject({ file_path: 'a' })
  expect(JSON.stringify(large).length).toBeLessThan(maxToolOutput)
  expect(JSON.stringify(boundedInput(Array(100_000).fill('abc'))).length).toBeLessThan(maxToolOutput)
  expect(boundedInput(JSON.parse('['.repeat(500) + ']'.repeat(500)))).toEqual({ cut: 'nested deeper than 64 levels' })
})

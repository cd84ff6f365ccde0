// Words that come in pieces.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addDelta } from '../../../src/daemon/harness/deltas.ts'

function told(pieces: readonly string[]): { readonly texts: readonly string[]; readonly pending: string } {
  const texts: string[] = []
  let pending = ''
  for (const piece of pieces) {
    const step = addDelta(pending, piece)
    if (step.text !== null) texts.push(step.text)
    pending = step.pending
  }
  return { texts, pending }
}

const words = (pieces: readonly string[]) => pieces.join('').replaceAll(/\s+/g, '')

test('however the words are cut, none is lost, doubled or moved', () => {
  const piece = fc.constantFrom(
    'a',
    'bc ',
    '\n',
    '\n\n',
    '```\n',
    '~~~',
    '- x\n',
    'y'.repeat(3_000),
    'z'.repeat(20_000),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const { texts, pending } = told(pieces)
      expect(words([...texts, pending])).toBe(words(pieces))
      expect(pending.length).toBeLessThanOrEqual(8_192)
    }),
    { numRuns: 300 },
  )
})

test('a paragraph is told when the next one begins; a list inside a fence stays whole', () => {
  expect(told(['One', '.', '\n', '\n', 'Two'])).toEqual({ texts: ['One.'], pending: 'Two' })
  expect(told(['```\n\na\n\nb\n', '```\n\nEnd'])).toEqual({ texts: ['```\n\na\n\nb\n```'], pending: 'End' })
})

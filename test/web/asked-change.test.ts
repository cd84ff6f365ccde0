// What a request shows of a change: each agent's own shape as lines that stay, go and come; what is no change stays as it is.

import { expect, test } from 'vitest'
import { changesOf } from '../../web/inbox/asked-change.ts'
import type { Question } from '../../web/inbox/questions.ts'
import { answerOf, chooseOption, nothingGiven, questionsOf } from '../../web/inbox/questions.ts'

function shown(body: Record<string, unknown>) {
  const { changes, keys } = changesOf(body)
  return {
    changes: changes.map(({ path, lines }) => [path, ...lines.map(({ sign, text }) => sign + text)]),
    keys: [...keys].sort(),
  }
}

test('an edit shows what stays around what goes and comes', () => {
  const body = { tool: 'Edit', file_path: 'a.ts', old_string: 'one\ntwo\nend\n', new_string: 'one\nthree\nfour\nend\n' }
  expect(shown(body)).toEqual({
    changes: [['a.ts', ' one', '-two', '+three', '+four', ' end']],
    keys: ['file_path', 'new_string', 'old_string'],
  })
})

test('a line’s end that only one side has is shown', () => {
  expect(shown({ old_string: 'one\n', new_string: 'one' }).changes).toEqual([[null, ' one', '-']])
})

test('a new file shows every line of it, several edits and the diffs of ACP one after another', () => {
  expect(shown({ file_path: 'new.md', content: '# New\n\nwords\n' }).changes).toEqual([
    ['new.md', '+# New', '+', '+words'],
  ])
  expect(
    shown({
      file_path: 'a.ts',
      edits: [
        { old_string: 'a', new_string: 'b' },
        { old_string: 'c', new_string: '' },
      ],
    }),
  ).toEqual({
    changes: [
      ['a.ts', '-a', '+b'],
      ['a.ts', '-c'],
    ],
    keys: ['edits', 'file_path'],
  })
  const diffs = [
    { path: 'x', oldText: null, newText: 'new\n' },
    { path: 'y', oldText: 'a', newText: 'b' },
  ]
  expect(shown({ kind: 'edit', diffs })).toEqual({
    changes: [
      ['x', '+new'],
      ['y', '-a', '+b'],
    ],
    keys: ['diffs'],
  })
})

test('of two names of a file none is hidden', () => {
  const [old_string, new_string] = ['a', 'b']
  const file_path = '/home/u/.ssh/authorized_keys'
  expect(shown({ file_path, edits: [{ path: 'src/a.ts', old_string, new_string }] })).toEqual({
    changes: [['src/a.ts', '-a', '+b']],
    keys: ['edits'],
  })
  expect(shown({ path: 'src/a.ts', file_path, old_string, new_string })).toEqual({
    changes: [['src/a.ts', '-a', '+b']],
    keys: ['new_string', 'old_string'],
  })
})

test('a patch shows its lines as they are', () => {
  const diff = '--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n\\ No newline at end of file'
  expect(shown({ diff }).changes[0]?.slice(1)).toEqual([
    ' --- a/x',
    ' +++ b/x',
    ' @@ -1,2 +1,2 @@',
    ' one',
    '-two',
    '+three',
    ' \\ No newline at end of file',
  ])
})

test('an edit that says more than two sides, and fields of other kinds, stay as they are', () => {
  for (const body of [
    { edits: [{ old_string: 'a', new_string: 'b', replace_all: true }] },
    { edits: 'all of it' },
    { edits: [{ path: ['a.ts'], old_string: 'a', new_string: 'b' }] },
    { diffs: [{ path: 'x', oldText: 1, newText: 'b' }] },
    { diff: 'is nothing but words' },
    { content: 'words without a file' },
    { command: 'rm -rf build' },
  ])
    expect(changesOf(body), JSON.stringify(body)).toEqual({ changes: [], keys: [] })
})

test('choices are put into a line: one replaces another, where several may be chosen they add up and come out again', () => {
  const [one, many] =
    questionsOf([
      { question: 'Which?', options: [{ label: 'a' }, { label: 'b', description: null }] },
      { question: 'Which of them?', options: ['x, y and z', 'y'], multiSelect: true },
    ]) ?? []
  if (one === undefined || many === undefined) throw new Error('two questions were given')
  expect(one.options.map(({ description }) => description)).toEqual(['', ''])
  const given = (question: Question, ...options: number[]) =>
    options.reduce((before, option) => chooseOption(question, before, option), nothingGiven)
  expect(answerOf(one, given(one, 0, 1))).toBe('b')
  expect(answerOf(one, given(one, 1, 1))).toBe('')
  expect(answerOf(many, given(many, 1, 0))).toBe('x, y and z, y')
  expect(answerOf(many, given(many, 0, 1, 0))).toBe('y')
  expect(answerOf(many, { ...given(many, 1), words: ' or none ' })).toBe('y, or none')
  expect(questionsOf([{ question: 'Which?' }, { ask: 'no question' }])).toBeNull()
})

// Reading patches as git writes them, and what is marked in them.

import { expect, test } from 'vitest'
import { colourFor } from '../../web/changes/colour.ts'
import type { Comment } from '../../web/changes/message.ts'
import { leftAfter, messageOf, reviewIn } from '../../web/changes/message.ts'
import { differing, readPatch, withoutWhitespace } from '../../web/changes/patch.ts'
import type { DiffState } from '../../web/changes/rows.ts'
import { diffRows } from '../../web/changes/rows.ts'
import { patch } from './fleet.ts'

test('files, kinds, counts and line numbers are read', () => {
  const files = readPatch(patch)
  expect(files.map((file) => [file.path, file.what, file.insertions, file.deletions, file.binary])).toEqual([
    ['src/queue/retry.ts', 'modified', 9, 4, false],
    ['src/queue/jitter.ts', 'added', 6, 0, false],
    ['test/queue/retry.test.ts', 'modified', 9, 3, false],
    ['docs/retries.png', 'added', 0, 0, true],
  ])
  const [hunk] = files[0]?.hunks ?? []
  expect(hunk?.lines.slice(2, 6).map((line) => [line.kind, line.old, line.new])).toEqual([
    [' ', 3, 3],
    ['+', null, 4],
    [' ', 4, 5],
    ['-', 5, null],
  ])
})

test.each([
  ['diff --git a/a b b/a b\nold mode 100644\nnew mode 100755\n', { path: 'a b', mode: '100644 → 100755' }],
  [
    'diff --git a/x b/y\nsimilarity index 90%\nrename from x\nrename to y\n',
    { path: 'y', oldPath: 'x', what: 'renamed' },
  ],
  [
    'diff --git a/gone b/gone\ndeleted file mode 100644\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n',
    { path: 'gone', what: 'deleted', deletions: 1 },
  ],
  [
    'diff --git "a/\\303\\274.txt" "b/\\303\\274.txt"\n--- "a/\\303\\274.txt"\n+++ "b/\\303\\274.txt"\n@@ -1 +1 @@\n-a\n+b\n',
    { path: 'ü.txt' },
  ],
  [
    'diff --git a/t b/t\n--- a/t\n+++ b/t\n@@ -1 +1 @@\n--- old\n+++ new\n\\ No newline at end of file\n',
    { insertions: 1, deletions: 1 },
  ],
])('%j', (text, expected) => {
  expect(readPatch(text)[0]).toMatchObject(expected)
})

test('nothing gives no files, and noise before the first file is left out', () => {
  expect(readPatch('')).toEqual([])
  expect(readPatch('warning: x\n')).toEqual([])
})

test('the same change has the same mark whatever its blobs are called, another has another', () => {
  const [a] = readPatch(patch)
  const [b] = readPatch(patch.replace('index 3c1f2aa..8b0d9e1', 'index 0000000..1111111'))
  const [c] = readPatch(patch.replace('60_000', '61_000'))
  expect(b?.mark).toBe(a?.mark)
  expect(c?.mark).not.toBe(a?.mark)
})

test('changes of whitespace alone become context; others stay', () => {
  const text = 'diff --git a/t b/t\n--- a/t\n+++ b/t\n@@ -1,3 +1,3 @@\n-  one\n+\tone\n two\n-three\n+four\n'
  const [hunk] = withoutWhitespace(readPatch(text)[0]?.hunks ?? [])
  expect(hunk?.lines.map((line) => `${line.kind}${line.text}`)).toEqual([' \tone', ' two', '-three', '+four'])
})

test('what differs in a line is what lies between its equal ends', () => {
  expect(differing('a quick fox', 'a slow fox')).toEqual({ a: [2, 7], b: [2, 6] })
  expect(differing('same', 'same')).toEqual({ a: [4, 4], b: [4, 4] })
})

test.each([
  [
    'x.ts',
    "const a = 'b' // c",
    [
      ['word', 'const'],
      ['text', "'b'"],
      ['note', '// c'],
    ],
  ],
  [
    'x.py',
    'def f(): # note',
    [
      ['word', 'def'],
      ['note', '# note'],
    ],
  ],
  ['x.md', 'const a = 1', []],
])('%s: %j is coloured', (path, line, expected) => {
  const tokens = colourFor(path)(line)
  expect(tokens.map((token) => token.text).join('')).toBe(line)
  expect(
    tokens.filter((token) => token.look !== '' && token.look !== 'number').map((token) => [token.look, token.text]),
  ).toEqual(expected)
})

const plainly: DiffState = {
  look: { split: false, whitespace: true },
  comments: [],
  viewed: new Set(),
  open: new Set(),
  closed: new Set(),
  unfolded: new Set(),
}

/** A drawing of thirty lines of which one changed, with so many lines around it. */
function drawing(name: string, around: number): string {
  const lines = ['<svg>', ...Array.from({ length: 28 }, (_, i) => `<rect x="${i}"/>`), '</svg>']
  const [from, to] = [Math.max(0, 14 - around), Math.min(30, 15 + around)]
  const shown = lines
    .slice(from, to)
    .flatMap((line, i) => (from + i === 14 ? [`-${line}`, '+<circle/>'] : [` ${line}`]))
  const place = `${from + 1},${to - from}`
  return `diff --git a/${name} b/${name}\n--- a/${name}\n+++ b/${name}\n@@ -${place} +${place} @@\n${shown.join('\n')}\n`
}

test.each([
  ['all of it is there', drawing('a.svg', 40), true],
  ['a part of it is there', drawing('a.svg', 3), false],
  ['it is no drawing', drawing('a.xml', 40), false],
])('a changed drawing is shown as a picture where it can be: %s', (_, text, pictured) => {
  const kinds = diffRows(readPatch(text), plainly).map((row) => row.kind)
  expect(kinds.includes('picture')).toBe(pictured)
})

test('a file with very many changed lines opens on demand', () => {
  const lines = Array.from({ length: 1_501 }, (_, i) => `+line ${i}`).join('\n')
  const files = readPatch(
    `diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1,1501 @@\n${lines}\n`,
  )
  expect(diffRows(files, plainly)).toMatchObject([{ kind: 'head' }, { kind: 'note', canOpen: true }])
  expect(diffRows(files, { ...plainly, open: new Set(['x']) })).toHaveLength(1_503)
})

test('long runs that nothing happened to are folded, opened on demand, and never hide a commented line', () => {
  const files = readPatch(drawing('a.svg', 40))
  const rows = diffRows(files, plainly)
  const folds = rows.filter((row) => row.kind === 'fold')
  expect(folds.map((fold) => fold.lines)).toEqual([12])
  const count = (state: DiffState) => diffRows(files, state).filter((row) => row.kind === 'line').length
  expect(count({ ...plainly, unfolded: new Set(folds.map((fold) => fold.key)) })).toBe(31)
  const comment = { id: 'c', path: 'a.svg', side: 'new', from: 25, line: 25, writing: false } as const
  expect(count({ ...plainly, comments: [comment] })).toBe(31)
})

test('what was sent is gone; what was never kept, is being written or was written since stays', () => {
  const kept: Comment = {
    id: 'kept',
    attempt: 1,
    path: 'a.ts',
    side: 'new',
    from: 4,
    line: 4,
    code: 'x()',
    text: 'why?',
  }
  const begun = { ...kept, id: 'begun', text: '', writing: 'not yet' }
  const edited = { ...kept, id: 'edited', writing: 'why, really?' }
  const untouched = { ...kept, id: 'untouched', writing: 'why?' }
  const gone = { comments: [kept, begun, edited, untouched], viewed: ['m'], message: 'Look:' }
  expect(leftAfter(gone, gone)).toEqual({
    comments: [begun, { ...edited, text: '' }],
    viewed: ['m'],
    message: '',
  })
  const since = { ...kept, text: 'why not?' }
  const now = { comments: [since, { ...kept, id: 'new' }], viewed: [], message: 'Look: there' }
  expect(leftAfter(now, gone)).toEqual(now)
})

test('of what an earlier page kept a comment that does not say where it stands is left out', () => {
  const at = { attempt: 1, path: 'a.ts', side: 'new', from: 4, line: 4, code: 'x()', text: 'why?' } as const
  const { attempt: _, from: __, ...old } = { id: 'old', ...at }
  const whole = { id: 'whole', ...at }
  expect(reviewIn(JSON.stringify({ comments: [old, whole], message: 'Look:' }))).toEqual({
    comments: [whole],
    viewed: [],
    message: 'Look:',
  })
  for (const kept of [null, '{}', 'null', '{"comments":5}', 'what?'])
    expect(reviewIn(kept)).toEqual({ comments: [], viewed: [], message: '' })
})

test('the message has each kept comment with its place and its lines, in order, and no other', () => {
  const at = {
    id: '1',
    attempt: 1,
    path: 'a.ts',
    side: 'new',
    from: 4,
    line: 6,
    code: '\tif (x)\n\t\ty()\n',
    text: 'why?',
  } as const
  const comments: Comment[] = [
    { ...at, id: '2', from: 9, line: 9, side: 'old', code: '  gone()', text: 'keep it' },
    at,
    { ...at, id: '3', text: '', writing: 'not yet' },
  ]
  expect(messageOf({ comments, viewed: [], message: ' Look: ' })).toBe(
    'Look:\n\na.ts:4-6\n> if (x)\n> \ty()\n>\nwhy?\n\na.ts:9 (as it was)\n> gone()\nkeep it',
  )
})

// Reading patches as git writes them, and what is marked in them.

import { expect, test } from 'vitest'
import { colourFor } from '../../web/changes/colour.ts'
import { differing, readPatch, withoutWhitespace } from '../../web/changes/patch.ts'
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

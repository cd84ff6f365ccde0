import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Pieces } from '../../../src/daemon/terminal/pieces.ts'
import { makeTailWatch } from '../../../src/lib/redact.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'capstan-pieces-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const write = (piece: number, text: string) => writeFileSync(join(folder, `terminal.${piece}`), text, { flag: 'a' })

test('what a terminal showed is read across its pieces, without a hole, as it grows', () => {
  const pieces = new Pieces(folder, 1_000)
  expect(pieces.read(100).length).toBe(0)
  write(1, 'one ')
  expect(String(pieces.read(2))).toBe('on')
  expect(String(pieces.read(100))).toBe('e ')
  write(1, 'more ')
  write(2, 'two ')
  expect(String(pieces.read(100))).toBe('more ')
  expect(String(pieces.read(100))).toBe('two ')
  write(10, 'ten')
  expect(String(pieces.read(100))).toBe('ten')
})

test('who comes late begins at the backlog, and who is slow goes on with what is left', () => {
  write(1, 'a'.repeat(50))
  write(2, 'b'.repeat(50))
  expect(new Pieces(folder, 1_000).whole).toBe(true)
  const late = new Pieces(folder, 60)
  expect(late.whole).toBe(false)
  expect(String(late.read(100))).toBe('a'.repeat(10))
  const slow = new Pieces(folder, 1_000)
  rmSync(join(folder, 'terminal.1'))
  expect(String(slow.read(100))).toBe('b'.repeat(50))
})

test('a piece that an agent put there as a link or a pipe is not read', () => {
  writeFileSync(join(folder, 'private'), 'not for watchers')
  symlinkSync(join(folder, 'private'), join(folder, 'terminal.1'))
  mkdirSync(join(folder, 'terminal.2'))
  expect(new Pieces(folder, 1_000).read(100).length).toBe(0)
})

test('the end of a piece that may be the beginning of a secret is kept back, and no more', () => {
  const tail = makeTailWatch({ KEY: 'sesame-open' })
  expect(tail('say ses')).toBe(3)
  expect(tail('say sesame-ope')).toBe(10)
  expect(tail('say sesame-open')).toBe(0)
  expect(tail('prompt $ ')).toBe(0)
})

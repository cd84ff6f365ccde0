// What an agent may put into its run's folder, where that is its own (--run-as): the daemon neither writes through it nor reads it.

import { existsSync, linkSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openJournal } from '../../../src/daemon/journal/journal.ts'
import { Tail } from '../../../src/daemon/journal/tail.ts'
import { flushInput, inputSize } from '../../../src/daemon/run/input.ts'
import { keepMark, marksBehind } from '../../../src/daemon/run/marks.ts'
import { writeFileAtomic } from '../../../src/lib/atomic-file.ts'

let dir: string
let runDir: string
let precious: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'capstan-planted-'))
  runDir = mkdtempSync(join(dir, 'run-'))
  precious = join(dir, 'precious')
  writeFileSync(precious, 'mine\n')
})
afterEach(() => {
  expect(readFileSync(precious, 'utf8')).toBe('mine\n')
  rmSync(dir, { recursive: true })
})

const attemptId = 'att_planted1'

test.each([
  ['a link', symlinkSync],
  ['a second name', linkSync],
])("words for the agent are not written into %s in its input's place", (_, plant) => {
  using journal = openJournal(':memory:', 0).journal
  journal.saveRun({ attemptId, taskId: 'task_1', epoch: 1, n: 1, step: 'started', data: null })
  plant(precious, join(runDir, 'stdin.log'))
  journal.talk.addInput(attemptId, { at: 5, text: '{"id":"$(evil)"}\n' })
  expect(() => flushInput(journal.talk, attemptId, runDir)).toThrow()
  if (plant === symlinkSync) expect(inputSize(runDir)).toBeNull()
})

test("the end of its input is not made where a link in the mark's place leads", () => {
  using journal = openJournal(':memory:', 0).journal
  journal.saveRun({ attemptId, taskId: 'task_1', epoch: 1, n: 1, step: 'started', data: null })
  writeFileSync(join(runDir, 'stdin.log'), '')
  symlinkSync(join(dir, 'new'), join(runDir, 'stdin.end'))
  journal.talk.endInput(attemptId)
  expect(flushInput(journal.talk, attemptId, runDir)).toBe(true)
  expect(existsSync(join(dir, 'new'))).toBe(false)
})

test('marks are not written through a link, and are kept all the same', () => {
  symlinkSync(precious, join(runDir, 'marks'))
  keepMark(runDir, { offsets: { stdout: 7, stderr: 0 }, events: 1 })
  expect(marksBehind(runDir, null)).toHaveLength(1)
})

test('output is not read through a link', () => {
  symlinkSync(precious, join(runDir, 'stdout.log'))
  expect(() => new Tail(join(runDir, 'stdout.log'), 'stdout', 0)).toThrow('ELOOP')
})

test('a file that is replaced as a whole is not made beside through a link', () => {
  symlinkSync(precious, join(runDir, `end.json.${process.pid}.tmp`))
  writeFileAtomic(join(runDir, 'end.json'), '{}')
  expect(readFileSync(join(runDir, 'end.json'), 'utf8')).toBe('{}')
})

// Following growing files by offset, with a real file system and real writers.

import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Line } from '../../../src/daemon/harness/port.ts'
import { follow, type Offsets } from '../../../src/daemon/journal/follow.ts'
import { openJournal } from '../../../src/daemon/journal/journal.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { exited, RunWorld, text, until } from '../supervisor/run-world.ts'

const zero: Offsets = { stdout: 0, stderr: 0 }
const clock = systemClock
let runDir: string
beforeEach(() => {
  runDir = mkdtempSync(join(tmpdir(), 'capstan-follow-'))
  for (const name of ['stdout.log', 'stderr.log']) writeFileSync(join(runDir, name), '')
})
afterEach(() => rmSync(runDir, { recursive: true }))

const out = (data: string | Uint8Array) => appendFileSync(join(runDir, 'stdout.log'), data)

/** Reads what is there to its end. */
async function readAll(offsets = zero): Promise<{ lines: Line[]; offsets: Offsets; batches: number[] }> {
  const lines: Line[] = []
  const batches: number[] = []
  let last = offsets
  const onLines = (batch: readonly Line[], after: Offsets) => {
    lines.push(...batch)
    batches.push(batch.length)
    last = after
  }
  await follow({ runDir, offsets, onLines, ended: Promise.resolve(), signal: new AbortController().signal, clock })
  return { lines, offsets: last, batches }
}

const texts = (lines: readonly Line[]) => lines.map((line) => line.text)

test('lines of both streams come whole, with their offsets, an unfinished last line included', async () => {
  out('one\r\n\ntwo\nthr')
  appendFileSync(join(runDir, 'stderr.log'), 'warning\n')
  const { lines, offsets } = await readAll()
  expect(lines).toEqual([
    { stream: 'stdout', text: 'one' },
    { stream: 'stdout', text: '' },
    { stream: 'stdout', text: 'two' },
    { stream: 'stderr', text: 'warning' },
    { stream: 'stdout', text: 'thr' },
  ])
  expect(offsets).toEqual({ stdout: 13, stderr: 8 })
  expect((await readAll(offsets)).lines).toEqual([])
})

test('a partial line waits for its end and is not committed before', async () => {
  const seen: [string[], number][] = []
  const end = Promise.withResolvers<void>()
  const onLines = (lines: readonly Line[], after: Offsets) => void seen.push([texts(lines), after.stdout])
  const done = follow({
    runDir,
    offsets: zero,
    onLines,
    ended: end.promise,
    signal: new AbortController().signal,
    clock,
    flushMs: 5,
  })
  out('first\npart')
  await until(() => seen.length === 1, 'the first line')
  out('ial\nrest')
  await until(() => seen.length === 2, 'the second line')
  end.resolve()
  await done
  expect(seen).toEqual([
    [['first'], 6],
    [['partial'], 14],
    [['rest'], 18],
  ])
})

test('characters and \\r\\n torn by the 64 KiB reads come out whole, broken UTF-8 as U+FFFD', async () => {
  const line = `${'ä'.repeat(70_001)}\r\n`
  out(`x${line}${line}`)
  out(Buffer.from([0x61, 0xff, 0xfe, 0x62, 0x0a]))
  const { lines } = await readAll()
  expect(texts(lines)).toEqual([`x${line.trimEnd()}`, line.trimEnd(), 'a\ufffd\ufffdb'])
})

test('a line beyond 8 MiB becomes its beginning and a remark, and the next line is whole', async () => {
  for (let i = 0; i < 20; i += 1) out('x'.repeat(1_048_576))
  out('\nnext\n')
  const { lines, offsets } = await readAll()
  expect(lines[0]?.text.length).toBeLessThan(70_000)
  expect(lines[0]?.text).toMatch(/x … \[line of 20971520 bytes cut\]$/)
  expect([lines[1]?.text, offsets.stdout]).toEqual(['next', 20_971_520 + 6])
})

test('few lines wait for each other at most the flush time, many go at once', async () => {
  const batches: number[] = []
  const end = Promise.withResolvers<void>()
  const onLines = (lines: readonly Line[]) => void batches.push(lines.length)
  const done = follow({
    runDir,
    offsets: zero,
    onLines,
    ended: end.promise,
    signal: new AbortController().signal,
    clock,
    flushMs: 60_000,
  })
  for (let i = 0; i < 50; i += 1) out(`line ${i}\n`)
  await until(() => batches.reduce((sum, each) => sum + each, 0) >= 50, 'fifty lines')
  out('the last\n')
  end.resolve()
  await done
  expect(batches.reduce((sum, each) => sum + each, 0)).toBe(51)
})

test('a file that was truncated is read from its new beginning', async () => {
  const seen: string[] = []
  const end = Promise.withResolvers<void>()
  const onLines = (lines: readonly Line[]) => void seen.push(...texts(lines))
  const done = follow({
    runDir,
    offsets: zero,
    onLines,
    ended: end.promise,
    signal: new AbortController().signal,
    clock,
    flushMs: 1,
  })
  out('a long first line\n')
  await until(() => seen.length === 1, 'the first line')
  truncateSync(join(runDir, 'stdout.log'), 0)
  out('new\n')
  await until(() => seen.length === 2, 'the new line')
  end.resolve()
  await done
  expect(seen).toEqual(['a long first line', 'new'])
})

test('an abort stops at once and rejects; an error of the reader comes out', async () => {
  const abort = new AbortController()
  const never = new Promise(() => {})
  const done = follow({ runDir, offsets: zero, onLines: () => {}, ended: never, signal: abort.signal, clock })
  abort.abort(new Error('daemon stops'))
  await expect(done).rejects.toThrow('daemon stops')
  out('line\n')
  const onLines = () => {
    throw new Error('disk full')
  }
  const failing = follow({
    runDir,
    offsets: zero,
    onLines,
    ended: Promise.resolve(),
    signal: new AbortController().signal,
    clock,
  })
  await expect(failing).rejects.toThrow('disk full')
})

test('200,000 lines, the follower aborted and restarted from the journal: complete, in order, none twice', async () => {
  await using world = new RunWorld()
  const count = 200_000
  const script = `for (let i = 0; i < ${count}; i += 1000) { let s = ''; for (let j = i; j < i + 1000; j++) s += '{"type":"text","n":' + j + ',"pad":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}\\n'; process.stdout.write(s) }`
  const handle = await world.start([process.execPath, '-e', script])
  const ended = exited(handle)
  using journal = openJournal(join(world.dir, 'journal.db'), 0).journal
  journal.saveRun({ attemptId: 'att_a', taskId: 'task_a', epoch: 1, n: 1, step: 'started', data: null })
  let [starts, expected] = [0, 0]
  for (let done = false; !done; ) {
    starts += 1
    const abort = new AbortController()
    const { offsets, parserState } = journal.cursor('att_a')
    let lines = Number(parserState ?? 0)
    let left = starts < 6 ? 30 : Number.POSITIVE_INFINITY
    expect(lines).toBe(expected)
    const onLines = (batch: readonly Line[], after: Offsets) => {
      for (const line of batch) {
        if (JSON.parse(line.text).n !== lines) throw new Error(`line ${lines} is ${line.text}`)
        lines += 1
      }
      journal.commitLines({ attemptId: 'att_a', offsets: after, parserState: lines, events: [], at: 0 })
      expected = lines
      left -= 1
      if (left === 0) abort.abort(new Error('killed'))
    }
    done = await follow({ runDir: handle.runDir, offsets, onLines, ended, signal: abort.signal, clock }).then(
      () => true,
      (error) => {
        if (error.message !== 'killed') throw error
        return false
      },
    )
  }
  expect([starts, expected]).toEqual([6, count])
  expect(journal.cursor('att_a').offsets.stdout).toBe(text(handle, 'stdout.log').length)
})

test('following costs little more than splitting and parsing, and little memory on a large log', async () => {
  const line = `${JSON.stringify({ type: 'text', text: 'some words of an agent that thinks aloud '.repeat(3), n: 1 })}\n`
  const file = openSync(join(runDir, 'stdout.log'), 'a')
  for (let i = 0; i < 40; i += 1) writeSync(file, line.repeat(5_000))
  closeSync(file)
  const ratios: number[] = []
  for (let round = 0; round < 3; round += 1) {
    const before = performance.now()
    let raw = 0
    for (const each of readFileSync(join(runDir, 'stdout.log'), 'utf8').split('\n')) {
      if (each !== '') raw += JSON.parse(each).n
    }
    const between = performance.now()
    let followed = 0
    const onLines = (lines: readonly Line[]) => {
      for (const each of lines) followed += JSON.parse(each.text).n
    }
    await follow({
      runDir,
      offsets: zero,
      onLines,
      ended: Promise.resolve(),
      signal: new AbortController().signal,
      clock,
    })
    expect([raw, followed]).toEqual([200_000, 200_000])
    ratios.push((between - before) / (performance.now() - between))
  }
  console.log(`follow at ${ratios.map((each) => each.toFixed(2)).join(', ')} of split + parse`)
  expect(Math.max(...ratios)).toBeGreaterThan(0.6)
})

test('a flood of short lines comes in batches of at most 2,000, whole and once', async () => {
  const count = 50_000
  out(Array.from({ length: count }, (_, i) => `${i}\n`).join(''))
  const { lines, batches } = await readAll()
  expect(Math.max(...batches)).toBeLessThanOrEqual(2_000)
  expect(texts(lines)).toEqual(Array.from({ length: count }, (_, i) => `${i}`))
})

test('what nobody wants any more is not read to its end', async () => {
  out('some line\n'.repeat(100_000))
  let read = 0
  await follow({
    runDir,
    offsets: zero,
    onLines: (batch) => {
      read += batch.length
    },
    enough: () => read > 0,
    ended: Promise.resolve(),
    signal: new AbortController().signal,
    clock,
  })
  expect(read).toBeLessThan(10_000)
})

// Output that an agent tampered with does not keep the daemon reading.

import { appendFileSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Tail } from '../../../src/daemon/journal/tail.ts'

test('a terabyte that is nowhere is passed over, and the lines after it are read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'capstan-tail-'))
  const path = join(folder, 'stdout.log')
  try {
    writeFileSync(path, 'one\n')
    truncateSync(path, 1_099_511_627_776)
    appendFileSync(path, `${'x'.repeat(100_000)}\ntwo\n`)
    using tail = new Tail(path, 'stdout', 0)
    const lines: string[] = []
    for (let reads = 0; !tail.atEnd && reads < 1_000; reads += 1)
      for (const { text } of (await tail.read()).lines) lines.push(text)
    expect(lines.length).toBe(3)
    expect([lines[0], lines[2]]).toEqual(['one', 'two'])
    expect(lines[1]).toContain('cut]')
    expect(tail.offset).toBe(statSync(path).size)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

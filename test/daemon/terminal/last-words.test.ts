// What a terminal showed last, for whoever asks why an agent left.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lastScreen, lastWords } from '../../../src/daemon/terminal/last-words.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'capstan-words-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const shown = (text: string) => writeFileSync(join(dir, 'terminal.1'), text)

describe('the last words of a terminal', () => {
  it('are its last lines, without colours, cursor moves and what script(1) adds', () => {
    shown(
      'Script started on 2026 [x]\r\none\r\n\x1b[31mUnable\x1b[9Gto connect\x1b[0m\r\n\r\nCheck it.\r\n\nScript done on 2026 [y]\n',
    )
    expect(lastScreen(dir)).toEqual(['one', 'Unable to connect', 'Check it.'])
    expect(lastWords(dir)).toBe('one Unable to connect Check it.')
  })

  it('are not what stood on a screen that the program has left', () => {
    shown('\x1b[?1049h\x1b[1;1Hpicture\x1b[2;1Hmore\x1b[?1049lError: \x1b]0;title\x07no such setting\r\n')
    expect(lastWords(dir)).toBe('Error: no such setting')
  })

  it('are bounded, and empty when nothing was shown', () => {
    expect(lastWords(dir)).toBe('')
    shown('z'.repeat(50_000))
    expect(lastWords(dir)).toHaveLength(400)
  })
})

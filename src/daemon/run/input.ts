// Brings what was promised to an agent into its stdin.log: every byte once, also when the daemon died between promise and append.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { appendToPlain, plainSize, writePlain } from '../../lib/plain-file.ts'
import type { Input, Talk } from '../journal/talk.ts'

const log = 'stdin.log'
const endMark = 'stdin.end'

/** How much the agent was given so far, in bytes; null: its standard input is no pipe, or somebody took the file away. */
export function inputSize(runDir: string): number | null {
  return plainSize(join(runDir, log))
}

/** Appends what is missing, and the end of file where it was promised. True: the pump has something new to look at. */
export function flushInput(talk: Talk, attemptId: string, runDir: string): boolean {
  const path = join(runDir, log)
  let news = false
  for (const input of talk.inputs(attemptId)) {
    let place = whole(input)
    appendToPlain(path, ({ size, content }) => {
      if (size !== input.at) place = placed(content(), input)
      return place.missing
    })
    if (place.missing.length > 0) news = true
    if (place.end !== input.at + Buffer.byteLength(input.text)) talk.moveEnd(attemptId, place.end)
  }
  if (!talk.inputEnd(attemptId).ended || existsSync(join(runDir, endMark))) return news
  writePlain(join(runDir, endMark), '')
  return true
}

export interface Placed {
  /** To be appended. */
  readonly missing: Buffer
  /** Where the text ends in the file then. */
  readonly end: number
}

function whole({ at, text }: Input): Placed {
  const missing = Buffer.from(text)
  return { missing, end: at + missing.length }
}

/**
 * What of the text is not in `file` yet. Normally the file ends before, in or behind its place. After a journal was lost the places may be
 * others than they were: then the text is looked for, and appended only when it is nowhere behind its place. A file that somebody cut is
 * filled with empty lines: what the agent was fed is counted in bytes.
 */
export function placed(file: Buffer, input: Input): Placed {
  const { at } = input
  const text = Buffer.from(input.text)
  if (file.length < at)
    return { missing: Buffer.concat([Buffer.alloc(at - file.length, '\n'), text]), end: at + text.length }
  const there = file.subarray(at)
  if (there.subarray(0, text.length).equals(text)) return { missing: Buffer.alloc(0), end: at + text.length }
  if (text.subarray(0, there.length).equals(there)) {
    return { missing: text.subarray(there.length), end: at + text.length }
  }
  const found = file.indexOf(text, at)
  if (found !== -1) return { missing: Buffer.alloc(0), end: found + text.length }
  const newLine = file.at(-1) === 10 ? Buffer.alloc(0) : Buffer.from('\n')
  return { missing: Buffer.concat([newLine, text]), end: file.length + newLine.length + text.length }
}

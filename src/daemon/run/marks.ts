// Where a run's output was cut into commits: read again in the same pieces, it gives the same events with the same numbers.

import { closeSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { readFileIfThere } from '../../lib/atomic-file.ts'
import { appendToPlain, NotPlain, openToRead, writePlain } from '../../lib/plain-file.ts'
import { isStorageTrouble } from '../../lib/storage-trouble.ts'
import type { EventBody } from '../../protocol/events.ts'
import type { Line } from '../harness/port.ts'
import type { Offsets } from '../journal/follow.ts'
import type { Given } from './inbox.ts'

export interface Mark {
  readonly offsets: Offsets
  /** How many events came of the piece that ends there. */
  readonly events: number
  /** What a person sent there; undefined: the piece is output. */
  readonly given?: Given | undefined
}

const name = 'marks'

/** To be called before each commit: a mark without its commit does no harm. Not synced, like the copy beside it. */
export function keepMark(runDir: string, { offsets, events, given }: Mark): void {
  const what = given === undefined ? '' : ` ${JSON.stringify(given)}`
  try {
    // The line's end comes first, so that one that a full disk cut does not spoil the next.
    append(join(runDir, name), Buffer.from(`\n${events} ${offsets.stdout} ${offsets.stderr}${what}`))
  } catch (error) {
    if (!isStorageTrouble(error)) throw error
  }
}

/** What the agent put in its place, where the folder is the agent's, is not written through but taken away. */
function append(path: string, line: Uint8Array): void {
  try {
    appendToPlain(path, () => line)
  } catch (error) {
    if (!(error instanceof NotPlain)) throw error
    writePlain(path, line)
  }
}

/**
 * The pieces behind `from`, in order. With an intact journal that is at most the one whose commit a crash prevented. What people sent at
 * `from` itself is among them: whoever takes it knows whether it was taken. `from` null: all, as nothing was ever committed.
 */
export function marksBehind(runDir: string, from: Offsets | null): Mark[] {
  const lines = (readFileIfThere(join(runDir, name)) ?? '').split('\n')
  const marks = lines.flatMap((line) => {
    const [, events, stdout, stderr, what] = /^(\d+) (\d+) (\d+)(?: (\{.*\}))?$/.exec(line) ?? []
    if (events === undefined) return []
    const given = what === undefined ? undefined : parsed(what)
    if (given === null) return []
    return [{ events: Number(events), offsets: { stdout: Number(stdout), stderr: Number(stderr) }, given }]
  })
  const behind = ({ offsets, given }: Mark) => {
    if (from === null) return true
    const bytes = offsets.stdout + offsets.stderr - from.stdout - from.stderr
    return given === undefined ? bytes > 0 : bytes >= 0
  }
  return marks.filter(behind)
}

function parsed(text: string): Given | null {
  try {
    return JSON.parse(text) as Given // written whole by keepMark
  } catch {
    return null // cut by a full disk
  }
}

/** The lines of one piece. */
export function linesBetween(runDir: string, from: Offsets, to: Offsets): Line[] {
  return (['stdout', 'stderr'] as const).flatMap((stream) => {
    const size = to[stream] - from[stream]
    if (size <= 0) return []
    const bytes = Buffer.alloc(size)
    const file = openToRead(join(runDir, `${stream}.log`))
    if (file === null) return []
    try {
      readSync(file, bytes, 0, size, from[stream])
    } finally {
      closeSync(file)
    }
    const texts = bytes.toString('utf8').replace(/\n$/, '').split('\n')
    return texts.map((text) => ({ stream, text: text.replace(/\r$/, '') }))
  })
}

/** As many events as there were: the numbers behind them must not move. */
export function fitted(events: readonly EventBody[], count: number): EventBody[] {
  const lost: EventBody = { type: 'notice', message: 'what stood here was lost with the daemon’s journal' }
  return Array.from({ length: count }, (_, at) => events[at] ?? lost)
}

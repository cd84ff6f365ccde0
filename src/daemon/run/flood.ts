// An agent that prints without end: what it says is told up to a limit, what ends or counts the run always.

import type { EventBody } from '../../protocol/events.ts'
import type { Offsets } from '../journal/follow.ts'

/** Of an attempt's output, both streams together. A transcript of this size is read by nobody; its log on the host has the rest. */
export const toldBytes = 67_108_864

/** What is told of lines read between two offsets. The same output gives the same events, also after a restart: the offsets are journalled. */
export function told(events: readonly EventBody[], before: Offsets, after: Offsets, limit = toldBytes): EventBody[] {
  if (!beyond(after, limit)) return [...events]
  if (!beyond(before, limit)) return [...events, { type: 'notice', message: noticeOf(limit) }]
  return events.filter(({ type }) => type !== 'text' && type !== 'thinking' && type !== 'raw')
}

export function beyond({ stdout, stderr }: Offsets, limit = toldBytes): boolean {
  return stdout + stderr > limit
}

function noticeOf(limit: number): string {
  return `output beyond ${Math.floor(limit / 1_048_576)} MiB is only in the host's log`
}

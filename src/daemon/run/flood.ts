// An agent that prints without end: what it says is told up to a limit, what ends or counts the run always.

import type { EventBody } from '../../protocol/events.ts'
import type { Offsets } from '../journal/follow.ts'

/** Of an attempt's output, both streams together. A transcript of this size is read by nobody; its log on the host has the rest. */
export const toldBytes = 67_108_864

/** Read again by a restarted daemon at most, when nothing came of it. */
const rarelyBytes = 8_388_608

/** What is told of lines read between two offsets. The same output gives the same events, also after a restart: the offsets are journalled. */
export function told(events: readonly EventBody[], before: Offsets, after: Offsets, limit = toldBytes): EventBody[] {
  if (!beyond(after, limit)) return [...events]
  if (!beyond(before, limit)) return [...events, { type: 'notice', message: noticeOf(limit) }]
  return events.filter(({ type }) => type !== 'text' && type !== 'thinking' && type !== 'raw')
}

export function beyond({ stdout, stderr }: Offsets, limit = toldBytes): boolean {
  return stdout + stderr > limit
}

/** True where nothing is told any more, and so little came since the last commit that a restarted daemon may read it again. */
export function maySkip(committed: Offsets, reached: Offsets): boolean {
  const advanced = reached.stdout + reached.stderr - committed.stdout - committed.stderr
  return beyond(reached) && advanced < rarelyBytes
}

function noticeOf(limit: number): string {
  return `output beyond ${Math.floor(limit / 1_048_576)} MiB is only in the host's log`
}

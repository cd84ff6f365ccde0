// What to send next of one attempt: its oldest report, or its oldest events in as large a message as the link takes.

import type { NumberedEvent } from '../../protocol/events.ts'
import type { FromDaemonBody } from '../../protocol/link.ts'
import { limits } from '../../protocol/names.ts'
import type { Outbox, ReportKind } from '../journal/outbox-rows.ts'
import { fittingReport, maxMessageBytes } from './fitting.ts'

/** Rows looked at for one message, when the first is small. */
const rowsAtOnce = 16

export type Message =
  | {
      readonly kind: 'events'
      readonly attemptId: string
      readonly rowIds: readonly number[]
      readonly firstSeq: number
      readonly lastSeq: number
      readonly body: FromDaemonBody<'events'>
    }
  | ReportMessage

type ReportMessage = {
  [K in ReportKind]: {
    readonly kind: K
    readonly attemptId: string
    readonly rowId: number
    readonly body: FromDaemonBody<K>
  }
}[ReportKind]

/** Null when the attempt has nothing to send. `most`: events in one message. */
export function nextMessage(outbox: Outbox, attemptId: string, most: number = limits.eventsPerBatch): Message | null {
  const [first] = outbox.pending(1, attemptId)
  if (first === undefined) return null
  // One arm of the union as it came: kind and body belong together.
  if (first.kind !== 'events') return { ...first, rowId: first.id, body: fittingReport(first.body) } as ReportMessage
  const events: NumberedEvent[] = []
  const rowIds: number[] = []
  let bytes = 0
  const small = first.events.length <= most / 2
  for (const row of small ? outbox.pending(rowsAtOnce, attemptId) : [first]) {
    if (row.kind !== 'events' || row.epoch !== first.epoch) break
    if (events.length + row.events.length > most || bytes + row.bytes > maxMessageBytes) {
      if (events.length > 0) break
    }
    events.push(...row.events.slice(0, most)) // what is left of a row that is too long goes next: its rest stays until it is acknowledged
    rowIds.push(row.id)
    bytes += row.bytes
  }
  return {
    kind: 'events',
    attemptId,
    rowIds,
    firstSeq: events.at(0)?.seq ?? 0,
    lastSeq: events.at(-1)?.seq ?? 0,
    body: { attemptId, epoch: first.epoch, events },
  }
}

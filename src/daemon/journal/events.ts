// Numbers events and packs them for the outbox: no message larger or longer than the link takes.

import type { EventBody, NumberedEvent } from '../../protocol/events.ts'
import { limits } from '../../protocol/names.ts'

/** An event larger than this, as JSON, is cut: it must fit into a frame with its neighbours. The raw log on the host has it all. */
const maxEventChars = 262_144
const keptChars = 65_536
/** Of one outbox row; the frame's limit less room for the envelope and for characters of more than one byte. */
const maxRowBytes = 921_600

export interface PackedEvents {
  readonly firstSeq: number
  readonly lastSeq: number
  /** A JSON array of numbered events. */
  readonly json: string
}

/** Gives the bodies the numbers from `firstSeq` on. A body that is too large comes back as a raw event with its beginning. */
export function numberEvents(bodies: readonly EventBody[], firstSeq: number, at: number): NumberedEvent[] {
  return bodies.map((body, index) => ({ ...fitting(body), seq: firstSeq + index, at }))
}

/** Rows of at most 50 events and 900 KiB each. */
export function packEvents(events: readonly NumberedEvent[]): PackedEvents[] {
  const rows: PackedEvents[] = []
  let texts: string[] = []
  let bytes = 0
  let firstSeq = 0
  let lastSeq = 0
  const close = () => {
    if (texts.length > 0) rows.push({ firstSeq, lastSeq, json: `[${texts.join(',')}]` })
    texts = []
    bytes = 0
  }
  for (const event of events) {
    const text = JSON.stringify(event)
    const size = Buffer.byteLength(text) + 1
    if (texts.length === limits.eventsPerBatch || bytes + size > maxRowBytes) close()
    if (texts.length === 0) firstSeq = event.seq
    lastSeq = event.seq
    texts.push(text)
    bytes += size
  }
  close()
  return rows
}

function fitting(body: EventBody): EventBody {
  // A cheap look first: most events are small, and JSON.stringify is done once more when they are packed.
  const text = body.type === 'raw' || body.type === 'text' || body.type === 'thinking' ? null : JSON.stringify(body)
  if (text !== null) return text.length <= maxEventChars ? body : cut('stdout', text)
  if (body.type === 'raw') return body.line.length <= keptChars ? body : cut(body.stream, body.line)
  if (body.type === 'text' || body.type === 'thinking') {
    return body.text.length <= keptChars * 2 ? body : { ...body, text: shortened(body.text) }
  }
  return body
}

function cut(stream: 'stdout' | 'stderr', line: string): EventBody {
  return { type: 'raw', stream, line: shortened(line) }
}

function shortened(text: string): string {
  return `${text.slice(0, keptChars)} … [cut: ${text.length} characters; the log on the host has them all]`
}

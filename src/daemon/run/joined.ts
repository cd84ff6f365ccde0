// Lines of a plain output that came together, told as one text: a script's listing is not thirty paragraphs.

import type { EventBody } from '../../protocol/events.ts'

/** An event stays small enough to be read and sent; a flood becomes many. */
const maxChars = 8_192

/** Joins neighbouring raw lines of one stream, and of a plain output its texts, by line ends, in order; other events stand between as they did. */
export function joined(events: readonly EventBody[], plain = true): EventBody[] {
  const out: EventBody[] = []
  let parts: string[] = []
  let chars = 0
  const close = () => {
    const last = out.at(-1)
    if (parts.length > 1 && last !== undefined) out[out.length - 1] = withText(last, parts.join('\n'))
  }
  for (const event of events) {
    const text = event.type === 'raw' ? event.line : event.type === 'text' ? event.text : ''
    if (sameKind(out.at(-1), event, plain) && chars + text.length <= maxChars) {
      parts.push(text)
      chars += text.length + 1
    } else {
      close()
      out.push(event)
      parts = [text]
      chars = text.length + 1
    }
  }
  close()
  return out
}

function sameKind(before: EventBody | undefined, event: EventBody, plain: boolean): boolean {
  if (event.type === 'raw') return before?.type === 'raw' && before.stream === event.stream
  return plain && event.type === 'text' && before?.type === 'text'
}

function withText(event: EventBody, text: string): EventBody {
  if (event.type === 'raw') return { ...event, line: text }
  return event.type === 'text' ? { ...event, text } : event
}

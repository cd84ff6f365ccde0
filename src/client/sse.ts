// Server-sent events from a byte stream: the part of the format that Capstan's server writes.

export interface SseMessage {
  readonly event: string
  readonly id: string | null
  readonly data: string
}

/** Yields messages until the stream ends. `heard` is called for every chunk, also for comments: the sign that the server lives. */
export async function* readMessages(
  body: ReadableStream<Uint8Array>,
  heard: () => void,
): AsyncGenerator<SseMessage, void, void> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    while (true) {
      const { done, value } = await reader.read()
      if (done) return
      heard()
      const blocks = (rest + decoder.decode(value, { stream: true })).split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) {
        const message = parseBlock(block)
        if (message !== null) yield message
      }
    }
  } finally {
    // The connection must not stay open when the reader leaves early; a stream that failed has nothing to cancel.
    await reader.cancel().catch(() => {})
  }
}

/** One block of `field: value` lines; null for comments alone. */
function parseBlock(block: string): SseMessage | null {
  let event = 'message'
  let id: string | null = null
  const data: string[] = []
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':')
    if (colon <= 0) continue
    const field = line.slice(0, colon)
    const value = line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'event') event = value
    if (field === 'id') id = value
    if (field === 'data') data.push(value)
  }
  return data.length === 0 ? null : { event, id, data: data.join('\n') }
}

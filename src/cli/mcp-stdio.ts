// Standard input and output as MCP's transport: its input ends for the server only once what was asked over it is answered.

import type { Readable, Writable } from 'node:stream'
import { Transform } from 'node:stream'
import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/server'
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio'
import type { Clock } from '../core/clock.ts'

/** A client that has closed its end may be gone: a call that waits for a task would hold the process for long. */
const patienceMs = 30_000
const lookMs = 20

interface Ends {
  readonly input: Readable
  readonly output: Writable
  readonly clock: Clock
}

/** `closed` resolves when the transport has ended: input is over and answered, or nobody reads the output. */
export function answeringStdio({ input, output, clock }: Ends): { transport: Transport; closed: Promise<void> } {
  const asked = new Set<string | number>()
  let isClosed = false
  const answered = async () => {
    const until = clock.monotonic() + patienceMs
    while ((gate.readableLength > 0 || asked.size > 0) && !isClosed && clock.monotonic() < until)
      await clock.sleep(lookMs)
  }
  const gate = new Transform({
    transform: (chunk, _, done) => done(null, chunk),
    flush: (done) => void answered().then(() => done()),
  })
  const wire = new StdioServerTransport(gate, output)
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  const transport: Transport = {
    start: async () => {
      await wire.start()
      input.pipe(gate)
      input.once('close', () => gate.end())
    },
    close: () => wire.close(),
    send: async (message) => {
      await wire.send(message)
      if (!('method' in message) && message.id !== undefined) asked.delete(message.id)
    },
  }
  wire.onmessage = (message) => {
    note(asked, message)
    transport.onmessage?.(message)
  }
  wire.onerror = (error) => transport.onerror?.(error)
  wire.onclose = () => {
    isClosed = true
    transport.onclose?.()
    resolve()
  }
  return { transport, closed }
}

/** A call that its client takes back gets no answer. */
function note(asked: Set<string | number>, message: JSONRPCMessage): void {
  if (!('method' in message)) return
  if ('id' in message) asked.add(message.id)
  const taken = message.method === 'notifications/cancelled' ? message.params?.requestId : undefined
  if (typeof taken === 'string' || typeof taken === 'number') asked.delete(taken)
}

// What many servers do: each event is framed and sent to each reader on its own.

import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import { given, ready } from '../processes.ts'

export interface FanoutLine {
  readonly port: number
}

const { events, last } = given<{ events: number; last: string }>()
/** Readers get a turn of the event loop after so many events, as they would from a daemon's batches. */
const turn = 50

const server = createServer((_, response) => {
  void send().then(() => response.end('sent'))
})
const sockets = new WebSocketServer({ server, perMessageDeflate: false })

async function send(): Promise<void> {
  for (let seq = 1; seq <= events; seq += 1) {
    const event = {
      attempt: 1,
      seq,
      at: 1_790_000_000_000,
      type: 'text',
      text: seq === events ? last : 'x'.repeat(200),
    }
    for (const socket of sockets.clients) socket.send(JSON.stringify(event))
    if (seq % turn === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

sockets.on('connection', (socket) => socket.on('error', () => {}))
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  ready({ port: typeof address === 'object' && address !== null ? address.port : 0 }, async () => {
    for (const socket of sockets.clients) socket.terminate()
    server.close()
  })
})

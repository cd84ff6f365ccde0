// A proxy between daemon and server as offices have them: passes HTTP on, and lets sockets through or refuses them as the test says.

import { createServer, type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'

export interface HttpProxy extends AsyncDisposable {
  readonly url: string
  /** False: an upgrade is answered 403, as a proxy does that does not know of WebSockets; sockets that stand are cut. */
  sockets: boolean
  /** What came by, by kind. */
  readonly seen: { refused: number; opened: number; posts: number; polls: number }
  cutSockets(): void
}

export async function startHttpProxy(targetUrl: string): Promise<HttpProxy> {
  const target = new URL(targetUrl)
  const to = { host: target.hostname, port: Number(target.port) }
  const open = new Set<Duplex>()
  const seen = { refused: 0, opened: 0, posts: 0, polls: 0 }
  const server = createServer((incoming, outgoing) => {
    if (incoming.url?.startsWith('/v1/daemon/messages')) seen[incoming.method === 'GET' ? 'polls' : 'posts'] += 1
    const passed = request({ ...to, method: incoming.method, path: incoming.url, headers: headersFor(incoming) })
    passed.once('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    passed.once('error', () => outgoing.destroy())
    outgoing.once('close', () => passed.destroy())
    incoming.pipe(passed)
  })
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    if (!proxy.sockets) {
      seen.refused += 1
      socket.end(
        'HTTP/1.1 403 Forbidden\r\ncontent-type: text/html\r\ncontent-length: 6\r\nconnection: close\r\n\r\nno way',
      )
      return
    }
    seen.opened += 1
    const passed: Socket = connect(to.port, to.host, () => {
      const lines = Object.entries(headersFor(incoming)).map(([key, value]) => `${key}: ${String(value)}`)
      passed.write(`GET ${incoming.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
      passed.write(head)
      socket.pipe(passed).pipe(socket)
    })
    for (const end of [socket, passed]) {
      open.add(end)
      end.on('error', () => end.destroy())
      end.once('close', () => {
        open.delete(end)
        socket.destroy()
        passed.destroy()
      })
    }
  })
  const headersFor = ({ headers }: IncomingMessage) => ({ ...headers, host: target.host })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const proxy: HttpProxy = {
    url: `http://127.0.0.1:${port}`,
    sockets: true,
    seen,
    cutSockets: () => {
      for (const each of open) each.destroy()
    },
    [Symbol.asyncDispose]: async () => {
      proxy.cutSockets()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return proxy
}

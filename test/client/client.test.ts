// The typed client against things that are not a healthy server.

import { createServer, type RequestListener, type Server } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { makeClient } from '../../src/client/client.ts'
import { readMessages } from '../../src/client/sse.ts'
import { Problem } from '../../src/core/problem.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function serve(handle: RequestListener): Promise<string> {
  const server = createServer(handle)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}

async function problemOf(promise: Promise<unknown>): Promise<Problem> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (error instanceof Problem) return error
  throw new Error(`not a problem: ${error}`)
}

test('a server that is not there is not_connected, with its address and the remedy', async () => {
  const url = await serve(() => {})
  await new Promise((resolve) => servers.pop()?.close(resolve))
  const problem = await problemOf(makeClient({ url, token: null }).call('whoami', {}))
  expect(problem.code).toBe('not_connected')
  expect(problem.detail).toBe(`${url}: connection refused; start it with: capstan up`)
})

test('a server that does not answer is given up after the timeout', async () => {
  const url = await serve(() => {})
  const problem = await problemOf(makeClient({ url, token: null, timeoutMs: 50 }).call('whoami', {}))
  expect(problem.detail).toContain('did not answer within 50 ms')
})

test('a caller’s abort is its own error, not the server’s', async () => {
  const url = await serve(() => {})
  const mine = new Error('enough')
  const call = makeClient({ url, token: null }).call('whoami', { signal: AbortSignal.abort(mine) })
  await expect(call).rejects.toBe(mine)
})

test('a problem comes back with its code, a proxy’s page as what it is', async () => {
  const problem = new Problem('in_use', 'pool x has daemons')
  const url = await serve((request, response) => {
    if (request.method === 'DELETE') response.writeHead(409).end(JSON.stringify(problem.toBody()))
    else response.writeHead(502).end('<html>Bad\nGateway</html>')
  })
  const client = makeClient({ url, token: 'cap_x' })
  const refused = await problemOf(client.call('removePool', { params: { id: 'x' } }))
  expect(refused).toMatchObject({ code: 'in_use', detail: 'pool x has daemons' })
  const strange = await problemOf(client.call('whoami', {}))
  expect(strange).toMatchObject({ code: 'unavailable' })
  expect(strange.detail).toContain('answered 502 and not as Capstan does: <html>Bad Gateway</html>')
})

test('parameters are escaped, lists repeat, absent values stay away, and the token travels', async () => {
  const seen: string[] = []
  const url = await serve((request, response) => {
    seen.push(`${request.url} ${request.headers.authorization}`)
    response.end('{}')
  })
  const client = makeClient({ url: `${url}/`, token: 'cap_x' })
  await client.call('getPool', { params: { id: 'a/b c' } })
  await client.call('listTasks', { query: { state: ['queued', 'running'], repo: undefined, limit: 5 } })
  expect(seen).toEqual([
    '/v1/pools/a%2Fb%20c Bearer cap_x',
    '/v1/tasks?state=queued&state=running&limit=5 Bearer cap_x',
  ])
})

test('following goes on after a broken stream with the last event’s id, and gives up when patience is over', async () => {
  const asked: (string | undefined)[] = []
  const url = await serve((request, response) => {
    const last = request.headers['last-event-id']
    asked.push(typeof last === 'string' ? last : undefined)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    if (asked.length > 1) response.end('event: end\ndata: {}\n\n')
    else response.write('id: 1.7\nevent: transcript\ndata: {"seq":7}\n\n', () => response.destroy())
  })
  const kinds: string[] = []
  for await (const each of makeClient({ url, token: null }).follow('task_x')) kinds.push(each.type)
  expect(kinds).toEqual(['transcript', 'reconnecting'])
  expect(asked).toEqual([undefined, '1.7'])
  const gone = makeClient({ url: 'http://127.0.0.1:9', token: null }).follow('task_x', { patienceMs: 0 })
  expect((await problemOf(gone.next())).code).toBe('not_connected')
})

test('a stream that falls silent is left for a new one', async () => {
  let asked = 0
  const url = await serve((_, response) => {
    asked += 1
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(': hello\n\n')
    if (asked > 1) response.end('event: end\ndata: {}\n\n')
  })
  for await (const _ of makeClient({ url, token: null }).follow('task_x', { idleMs: 100 })) void _
  expect(asked).toBe(2)
})

test('messages cut anywhere by the network are put together again', async () => {
  const bytes = new TextEncoder().encode(
    'id: 1.1\nevent: transcript\ndata: {"text":"ä€"}\n\n: beat\n\ndata: a\ndata: b\n\n',
  )
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
      controller.close()
    },
  })
  const messages = []
  for await (const message of readMessages(body, () => {})) messages.push(message)
  expect(messages).toEqual([
    { event: 'transcript', id: '1.1', data: '{"text":"ä€"}' },
    { event: 'message', id: null, data: 'a\nb' },
  ])
})

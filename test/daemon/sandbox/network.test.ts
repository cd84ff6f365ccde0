// The way out of a sandbox: only listed hosts, by their names, at their ports, and never to an address of this machine unless it is allowed.

import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { connect, createServer as createTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  allowedBy,
  isPrivate,
  isPrivateRule,
  type NetworkRule,
  readTarget,
  refusedAddress,
} from '../../../src/daemon/sandbox/network-rules.ts'
import { type Denial, makeProxy, type ProxyBounds } from '../../../src/daemon/sandbox/proxy.ts'
import type { Workspace } from '../../../src/daemon/workspace/port.ts'
import { readAllowedHost } from '../../../src/protocol/sandbox.ts'
import { BoxWorld, without } from './box-world.ts'

const rule = (text: string, local = false): NetworkRule => {
  const read = readAllowedHost(text)
  if (typeof read === 'string') throw new Error(read)
  return { ...read, private: local }
}
const why = (rules: readonly NetworkRule[], authority: string): string | null => {
  const target = readTarget(authority, null)
  if (!target.ok) return target.why
  const found = allowedBy(rules, target.value)
  return found.ok ? null : found.why
}

describe('the list of allowed hosts', () => {
  const rules = ['example.com', '*.example.org', 'api.example.net:8443', '203.0.113.7'].map((text) => rule(text))

  test.each([
    'example.com:443',
    'EXAMPLE.com:80',
    'a.example.org:443',
    'a.b.example.org:443',
    'api.example.net:8443',
    '203.0.113.7:443',
  ])('takes %s', (authority) => {
    expect(why(rules, authority)).toBeNull()
  })

  test.each([
    ['example.com:22', 'is not allowed at port 22'],
    ['example.com.:443', 'is not a host’s name'],
    ['example.com\0.evil.test:443', 'is not a host and port'],
    ['example.com%00.evil.test:443', 'is not a host and port'],
    ['evil@example.com:443', 'is not a host and port'],
    ['example.com:443:443', 'is not a host and port'],
    ['example.com:0', 'is not a host and port'],
    ['example.com', 'is not a host and port'],
    ['xexample.org:443', 'is not an allowed host'],
    ['example.org:443', 'is not an allowed host'],
    ['evil.test:443', 'is not an allowed host'],
    ['еxample.com:443', 'is not a host and port'],
    ['93.184.216.34:443', 'is an address that is not allowed'],
    ['[::1]:443', 'is an address that is not allowed'],
    ['[::ffff:127.0.0.1]:443', 'is an address that is not allowed'],
    ['2130706433:443', 'is not a host’s name'],
    ['0x7f000001:443', 'is not an allowed host'],
    ['127.1:443', 'is not a host’s name'],
    ['017700000001:443', 'is not a host’s name'],
    ['[fe80::1%25eth0]:443', 'is not a host and port'],
  ])('refuses %j', (authority, sentence) => {
    expect(why(rules, authority)).toBe(sentence)
  })

  test.each([
    '127.0.0.1',
    '10.1.2.3',
    '169.254.169.254',
    '100.100.100.200',
    '192.168.1.1',
    '172.20.0.1',
    '0.0.0.0',
    '255.255.255.255',
    '::1',
    '::',
    'fd00::1',
    'fe80::1',
    '::ffff:10.0.0.1',
    '::ffff:7f00:1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
  ])('does not dial %s for a name that may not stand for it', (address) => {
    expect(isPrivate(address)).toBe(true)
    expect(refusedAddress(address, rule('example.com'))).toContain('private address')
    expect(refusedAddress(address, rule('model.example.com', true))).toBeNull()
  })

  test('a rule that names an address opens it, but none under which clouds keep keys, in no form', () => {
    const names = (host: string) => isPrivateRule({ host, wildcard: false, port: null })
    expect(['localhost', '127.0.0.1', '10.1.2.3', '::1', 'fd12::1'].filter((host) => !names(host))).toEqual([])
    const never = ['169.254.169.254', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '0:0:0:0:0:ffff:a9fe:a9fe']
    expect([...never, '64:ff9b::a9fe:a9fe', 'fd00:ec2::254', 'fe80::1', '8.8.8.8', 'db.example'].filter(names)).toEqual(
      [],
    )
  })

  test('dials public addresses', () => {
    expect(['93.184.216.34', '2606:2800:220:1::1', '8.8.8.8'].filter(isPrivate)).toEqual([])
  })
})

/** A proxy on this machine's loopback with what it refused. */
async function listening(
  rules: readonly NetworkRule[],
  bounds?: ProxyBounds,
): Promise<{ port: number; denied: Denial[]; server: Server }> {
  const denied: Denial[] = []
  const onDenied = (denial: Denial) => denied.push(denial)
  const server = makeProxy({ rules, onDenied, ...(bounds === undefined ? {} : { bounds }) })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return { port: portOf(server), denied, server }
}

function portOf(server: { address(): unknown }): number {
  const at = server.address()
  if (typeof at !== 'object' || at === null || !('port' in at)) throw new Error('not listening')
  return Number(at.port)
}

const open = new Set<Socket>()
const connectionsOf = (server: { getConnections(then: (error: Error | null, count: number) => void): unknown }) =>
  new Promise<number>((done) => server.getConnections((_, count) => done(count)))

/** What is answered to these bytes. */
function answerTo(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket: Socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    open.add(socket)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })
}

describe('the proxy', () => {
  let web: Server
  let port: number
  let heard: string[]

  beforeAll(async () => {
    heard = []
    web = createServer((request, answer) => {
      heard.push(
        `${request.method} ${request.headers.host} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim(),
      )
      answer.end('HELLO')
    })
    await new Promise<void>((done) => web.listen(0, '127.0.0.1', done))
    port = portOf(web)
  })
  afterAll(() => new Promise((done) => web.close(done)))

  test('passes on a request with the host it has checked, whatever the client’s own header says', async () => {
    const { port: at, server } = await listening([rule(`localhost:${port}`, true)])
    const ask = `GET http://LOCALHOST:${port}/x?y HTTP/1.1\r\nHost: evil.test\r\nProxy-Authorization: secret\r\nConnection: close\r\n\r\n`
    expect(await answerTo(at, ask)).toContain('HELLO')
    expect(heard.at(-1)).toBe(`GET LOCALHOST:${port} /x?y`)
    server.close()
  })

  test('refuses a listed name that stands for this machine, as a rebinding would', async () => {
    const { port: at, denied, server } = await listening([rule(`localhost:${port}`)])
    expect(await answerTo(at, `CONNECT localhost:${port} HTTP/1.1\r\n\r\n`)).toContain('403')
    expect(denied[0]?.why).toContain('private address')
    server.close()
  })

  test('refuses what is not HTTP, and a name with a zero byte, and says so', async () => {
    const { port: at, denied, server } = await listening([rule('example.com')])
    expect(await answerTo(at, 'CONNECT example.com\0.evil.test:443 HTTP/1.1\r\n\r\n')).toContain('400')
    expect(await answerTo(at, `\x16\x03\x01${'x'.repeat(50)}\r\n\r\n`)).toContain('400')
    expect(denied).toHaveLength(2)
    server.close()
  })

  test.each([
    ['a length that it calls its connection’s own', 'Connection: content-length\r\nContent-Length: 27'],
    ['chunks', 'Transfer-Encoding: chunked'],
  ])('does not let a body pass for a request, by %s', async (_, framing) => {
    const { port: at, server } = await listening([rule(`localhost:${port}`, true)])
    const hidden = 'GET /hidden HTTP/1.1\r\nA: b'
    const body = framing.includes('chunked') ? `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n` : hidden
    const before = heard.length
    const ask = `GET http://localhost:${port}/open HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n${body}`
    const text = answerTo(at, ask)
    await expect.poll(() => heard.slice(before)).toEqual([`GET localhost:${port} /open`])
    server.closeAllConnections()
    expect(await text).not.toContain('hidden')
    expect(heard.slice(before)).toEqual([`GET localhost:${port} /open`])
    server.close()
  })

  test.each([
    ['two framings', 'POST', 'Transfer-Encoding: chunked\r\nContent-Length: 3', 400],
    ['headers without an end', 'GET', `X: ${'x'.repeat(20_000)}`, 400],
  ])('refuses %s', async (_, method, header, code) => {
    const { port: at, server } = await listening([rule(`localhost:${port}`, true)])
    const ask = `${method} http://localhost:${port}/ HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n`
    expect(await answerTo(at, ask)).toContain(`HTTP/1.1 ${code}`)
    server.close()
  })

  test('serves others while some speak slowly or not at all, and lets go of those', async () => {
    const bounds = { connections: 40, headersMs: 300, halfOpenMs: 200 }
    const { port: at, server, denied } = await listening([rule(`localhost:${port}`, true)], bounds)
    const slow = Array.from({ length: 20 }, (_, n) => answerTo(at, n % 2 === 0 ? 'GET http://loc' : ''))
    const ask = `GET http://localhost:${port}/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
    expect(await answerTo(at, ask)).toContain('HELLO')
    expect(
      (await Promise.all(slow)).filter((text) => !text.includes('408') && !text.includes('400') && text !== ''),
    ).toEqual([])
    await expect.poll(() => connectionsOf(server)).toBe(0)
    const many = Array.from({ length: 120 }, () => answerTo(at, `CONNECT localhost:${port} HTTP/1.1\r\n\r\n`))
    await expect.poll(() => denied.map(({ target }) => target)).toContain('more than 40 connections')
    expect(await connectionsOf(server)).toBeLessThanOrEqual(40)
    server.close()
    for (const socket of open) socket.destroy()
    await Promise.all(many)
  })

  test('ends a tunnel of which one end has left and the other is silent', async () => {
    let silent: Socket | null = null as Socket | null // set below
    const inner = createTcp({ allowHalfOpen: true }, (socket) => {
      silent = socket.resume()
    })
    await new Promise<void>((done) => inner.listen(0, '127.0.0.1', done))
    const bounds = { connections: 40, headersMs: 60_000, halfOpenMs: 50 }
    const { port: at, server } = await listening([rule(`127.0.0.1:${portOf(inner)}`, true)], bounds)
    const socket = connect({ port: at, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => {})
    socket.end(`CONNECT 127.0.0.1:${portOf(inner)} HTTP/1.1\r\n\r\n`)
    await new Promise<void>((done) => socket.resume().once('close', () => done()))
    await expect.poll(() => connectionsOf(server)).toBe(0)
    silent?.destroy()
    server.close()
    inner.close()
  })

  test('ends both ends of a tunnel with either', async () => {
    const inner = createTcp((socket) => socket.end('BYE'))
    await new Promise<void>((done) => inner.listen(0, '127.0.0.1', done))
    const { port: at, server } = await listening([rule(`127.0.0.1:${portOf(inner)}`, true)])
    expect(await answerTo(at, `CONNECT 127.0.0.1:${portOf(inner)} HTTP/1.1\r\n\r\n`)).toContain('BYE')
    server.close()
    inner.close()
  })
})

describe.skipIf(without !== null)('a sandboxed run', () => {
  let world: BoxWorld
  let workspace: Workspace
  let web: Server

  beforeAll(async () => {
    world = new BoxWorld()
    workspace = await world.workspace(null)
    web = createServer((_, answer) => answer.end('HELLO'))
    await new Promise<void>((done) => web.listen(0, '127.0.0.1', done))
  })
  afterAll(async () => {
    await world[Symbol.asyncDispose]()
    web.close()
  })

  /** A client that speaks to the proxy as it is told by the environment, without curl. */
  const ask = (target: string) =>
    `(printf 'GET http://${target}/ HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n'; sleep 0.3) | socat -t 5 - TCP4:127.0.0.1:3128 | head -1`

  test('reaches what is listed, and what it was refused is written down with the name', async () => {
    const port = portOf(web)
    const at = `localhost:${port}`
    const others = [
      `LOCALHOST:${port}`,
      'denied.example',
      `127.0.0.1:${port}`,
      `localhost.:${port}`,
      `localhost\\0.x:${port}`,
    ]
    const ran = await world.inside(workspace, `echo "$HTTPS_PROXY $NO_PROXY"; ${[at, ...others].map(ask).join('; ')}`, {
      rules: [rule(at, true)],
    })
    expect(ran.out.split('\n').map((line) => line.trim())).toEqual([
      'http://127.0.0.1:3128',
      'HTTP/1.1 200 OK',
      'HTTP/1.1 200 OK',
      ...Array<string>(3).fill('HTTP/1.1 403 Forbidden'),
      'HTTP/1.1 400 Bad Request',
    ])
    const denied = readFileSync(join(world.runDir, 'box/agent/denied'), 'utf8').trim().split('\n')
    const targets = ['denied.example', `127.0.0.1:${port}`, `localhost.:${port}`, 'a request that is not HTTP']
    expect(denied.map((line) => JSON.parse(line).target)).toEqual(targets)
  })

  test('has no resolver and no route of its own', async () => {
    const ran = await world.inside(
      workspace,
      'getent hosts example.com; echo "dns $?"; socat -T2 - UDP4:8.8.8.8:53 </dev/null; socat -T2 - TCP4:1.1.1.1:443 </dev/null; cat /proc/net/route | wc -l',
    )
    expect(ran.out).toBe('dns 2\n1')
    expect(ran.err).toMatch(/unreachable/)
  })

  test('without listed hosts has not even a proxy', async () => {
    const ran = await world.inside(
      workspace,
      'echo "[$HTTP_PROXY]"; ls /run/capstan/net; socat - TCP4:127.0.0.1:3128 </dev/null',
    )
    expect(ran.out).toBe('[]')
    expect(ran.err).toContain('Connection refused')
  })
})
